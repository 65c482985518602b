import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BALLAST = 'ballast';
/** A file system with open writers can not be made read-only: it is tried so often. */
const REMOUNT_TRIES = 50;

/**
 * A directory that is a small file system of its own in memory, so that it can be filled and made read-only; where that is not permitted, a
 * plain directory that can be neither.
 */
export class Volume {
  readonly path: string;
  #mounted: boolean;

  constructor(folder: string, megabytes: number) {
    this.path = folder;
    mkdirSync(folder, { recursive: true });
    this.#mounted = mounted(folder, megabytes);
  }

  /** Null: it can do everything; else why it can not. */
  get limits(): string | null {
    return this.#mounted ? null : 'mounting a file system is not permitted here';
  }

  /** Afterwards nothing more fits in. */
  fill(): void {
    if (!this.#mounted) throw new Error(`${this.path} is no volume of its own: it is not filled`);
    const file = openSync(path.join(this.path, BALLAST), 'a');
    try {
      for (let size = 1 << 20; size >= 1;) {
        try {
          if (writeSync(file, Buffer.alloc(size)) < size) size >>= 1;
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
          size >>= 1;
        }
      }
    } finally {
      closeSync(file);
    }
  }

  empty(): void {
    rmSync(path.join(this.path, BALLAST), { force: true });
  }

  /** False if somebody was writing all the time. */
  async makeReadOnly(): Promise<boolean> {
    for (let tries = 0; tries < REMOUNT_TRIES; tries++) {
      try {
        execFileSync('mount', ['-o', 'remount,ro', this.path], { stdio: 'ignore' });
        return true;
      } catch {
        await sleep(20);
      }
    }
    return false;
  }

  makeWritable(): void {
    execFileSync('mount', ['-o', 'remount,rw', this.path], { stdio: 'ignore' });
  }

  /** Afterwards its files are plain ones in a plain directory. */
  keep(): void {
    if (!this.#mounted) return;
    const copy = `${this.path}.kept`;
    cpSync(this.path, copy, { recursive: true });
    this.#unmount();
    cpSync(copy, this.path, { recursive: true });
    rmSync(copy, { recursive: true });
  }

  remove(): void {
    this.#unmount();
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Also where processes still use it: it goes when they do. */
  #unmount(): void {
    if (this.#mounted) execFileSync('umount', ['-l', this.path], { stdio: 'ignore' });
    this.#mounted = false;
  }
}

function mounted(folder: string, megabytes: number): boolean {
  try {
    const options = `size=${megabytes}m,mode=755`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'fabrica-faults', folder], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
