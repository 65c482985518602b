export { audit } from './audit.js';
export { block } from './block.js';
export { tidying } from './bundle-flight.js';
export { inputList } from './input-lists.js';
export { janitor, payment } from './janitor.js';
export { production } from './production.js';
export { epochSweep, recovery } from './recovery.js';
export { removal } from './removal.js';
export { sweep } from './sweep.js';
