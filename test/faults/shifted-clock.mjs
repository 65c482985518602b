// Preloaded into Fabrica's own node processes: shifts their clock by what the files of a folder say, in ms. `all` holds for each of
// them, `control` and `site` for one role. Timers go on as they do when a machine's clock is set: they count by another clock.
import { readFileSync, watch } from 'node:fs';
import path from 'node:path';

const folder = process.env.FABRICA_FAULTS_CLOCK;
const role = process.argv[1]?.endsWith('process.js') ? process.argv[2] : 'up';

if (folder !== undefined) {
  const RealDate = Date;
  let offset = 0;
  const shiftIn = (file) => {
    try {
      return Number(readFileSync(path.join(folder, file), 'utf8')) || 0;
    } catch {
      return 0;
    }
  };
  const look = () => {
    offset = shiftIn('all') + shiftIn(role);
  };
  look();
  watch(folder, look).unref();
  const now = () => RealDate.now() + offset;
  globalThis.Date = new Proxy(RealDate, {
    apply: () => new RealDate(now()).toString(),
    construct: (target, values, proxy) =>
      Reflect.construct(target, values.length === 0 ? [now()] : values, proxy),
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  });
}
