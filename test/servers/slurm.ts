import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { choosePort } from '../../worker/ports.js';

/** A cluster of Slurm with one node, this machine, on loopback, with an accounting of its own. Needs root. */
export interface SlurmServer {
  /** A folder for jobs, gone at the end. */
  readonly folder: string;
  readonly version: string;
  /** For whoever runs Slurm's commands. */
  readonly environment: { readonly SLURM_CONF: string };
  /** One of Slurm's commands; what it has said. */
  run(command: string, ...args: readonly string[]): string;
  /** Ends the controller at once. NOTE: of what is younger than some seconds it has saved nothing. */
  kill(): Promise<void>;
  /** The controller does not answer; what is returned has it answer again. */
  freeze(): () => void;
  /** The controller again; `forgetful`: it has forgotten all jobs. */
  start(how?: 'forgetful'): Promise<void>;
  /** `kill` and `start` of the daemon of the node. */
  readonly node: { kill(): Promise<void>; start(): Promise<void> };
  end(): Promise<void>;
}

export interface SlurmSize {
  /** Jobs that run at once, however many processors the machine has. */
  readonly cpus: number;
  readonly maxArraySize: number;
  readonly maxJobs?: number;
}

/** s until a daemon answers. */
const PATIENCE = 20;
/** Where Debian's packages have the daemons. */
const DAEMONS = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

export async function startSlurm(size: SlurmSize): Promise<SlurmServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-slurm-'));
  chmodSync(folder, 0o755);
  const at = (...names: string[]): string => path.join(folder, ...names);
  for (const name of ['state', 'spool', 'munge', 'database', 'jobs']) mkdirSync(at(name));
  const host = '127.0.0.1';
  const ports: number[] = [];
  for (const purpose of ['slurmctld', 'slurmd', 'slurmdbd']) {
    ports.push(await choosePort({ ...{ asked: 0, preferred: 0, host, purpose }, taken: ports }));
  }
  const environment = { SLURM_CONF: at('slurm.conf') };
  const env = { ...process.env, ...environment, PATH: DAEMONS, MYSQL_UNIX_PORT: at('sql.socket') };
  const run = (command: string, ...args: readonly string[]): string =>
    execFileSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  writeConfiguration(folder, size, ports);

  const daemons = new Map<string, ChildProcess>();
  const launch = (name: string, args: readonly string[]): void => {
    daemons.set(name, spawn(name, args, { env, cwd: folder, stdio: 'ignore' }));
  };
  const kill = async (name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    const daemon = daemons.get(name);
    daemons.delete(name);
    if (daemon?.exitCode !== null || daemon.signalCode !== null) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill(signal);
    await ended;
  };
  const until = async (what: string, ...command: [string, ...string[]]): Promise<void> => {
    for (const end = Date.now() + 1000 * PATIENCE; ; await sleep(100)) {
      try {
        if (run(...command).trim() !== '') return;
      } catch {
        // It is not there yet.
      }
      if (Date.now() > end) throw new Error(`${what} does not start: ${logs(folder)}`);
    }
  };
  const startNode = async (): Promise<void> => {
    launch('slurmd', ['-D']);
    await until('slurmd', 'sinfo', '-h', '-t', 'idle,mix,alloc', '-o', '%T');
  };
  const start = async (how?: 'forgetful'): Promise<void> => {
    launch('slurmctld', how === 'forgetful' ? ['-D', '-c'] : ['-D']);
    await until('slurmctld', 'sinfo', '-h', '-o', '%P');
  };
  const end = async (): Promise<void> => {
    // Jobs of the node end with it, by the word of their controller.
    if (daemons.has('slurmctld')) {
      try {
        run('scancel', '--me');
        for (let i = 0; i < 200 && run('squeue', '-h').trim() !== ''; i++) await sleep(100);
      } catch {
        // A controller that does not answer any more is killed below.
      }
    }
    for (const name of ['slurmctld', 'slurmd', 'slurmdbd', 'munged']) await kill(name);
    await kill('mariadbd', 'SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    launch('munged', [
      ...['--foreground', '--force', `--key-file=${at('munge', 'key')}`],
      ...[`--socket=${at('munge', 'socket')}`, `--pid-file=${at('munge', 'pid')}`],
      ...[`--log-file=${at('munge', 'log')}`, `--seed-file=${at('munge', 'seed')}`],
    ]);
    run(
      'mariadb-install-db',
      ...['--user=root', `--datadir=${at('database')}`, '--auth-root-authentication-method=normal'],
    );
    launch('mariadbd', [
      ...['--no-defaults', '--user=root', `--datadir=${at('database')}`, '--skip-networking'],
      ...[`--socket=${at('sql.socket')}`, `--pid-file=${at('sql.pid')}`],
      ...['--innodb-buffer-pool-size=64M', '--innodb-flush-log-at-trx-commit=0'],
    ]);
    await until('mariadbd', 'mariadb', '--no-defaults', '-e', 'select 1');
    run('mariadb', '--no-defaults', '-e', 'create database slurm_accounting');
    launch('slurmdbd', ['-D']);
    await until('slurmdbd', 'sacctmgr', '-n', 'show', 'user');
    run('sacctmgr', '-i', 'add', 'cluster', 'fabrica');
    await start();
    await startNode();
  } catch (error) {
    await end();
    throw error;
  }
  return {
    folder: at('jobs'),
    version: run('sinfo', '--version').trim(),
    ...{ environment, run, start, end },
    kill: () => kill('slurmctld'),
    freeze: () => {
      const controller = daemons.get('slurmctld');
      controller?.kill('SIGSTOP');
      return () => controller?.kill('SIGCONT');
    },
    node: { kill: () => kill('slurmd'), start: startNode },
  };
}

function writeConfiguration(
  folder: string,
  { cpus, maxArraySize, maxJobs = 20_000 }: SlurmSize,
  [controller = 0, node = 0, accounting = 0]: readonly number[],
): void {
  const at = (...names: string[]): string => path.join(folder, ...names);
  const name = hostname().split('.')[0] ?? '';
  const munge = ['AuthType=auth/munge', `AuthInfo=socket=${at('munge', 'socket')}`];
  const write = (file: string, lines: readonly string[]): void => {
    writeFileSync(at(file), `${lines.join('\n')}\n`, { mode: 0o600 });
  };
  writeFileSync(at('munge', 'key'), randomBytes(128), { mode: 0o600 });
  chmodSync(at('munge'), 0o711);
  write('slurmdbd.conf', [
    ...munge,
    ...['DbdHost=localhost', `DbdPort=${accounting}`, 'SlurmUser=root'],
    ...['StorageType=accounting_storage/mysql', 'StorageHost=localhost', 'StorageUser=root'],
    ...['StorageLoc=slurm_accounting', `LogFile=${at('slurmdbd.log')}`],
    `PidFile=${at('slurmdbd.pid')}`,
  ]);
  write('slurm.conf', [
    ...munge,
    ...['ClusterName=fabrica', `SlurmctldHost=${name}(127.0.0.1)`, 'SlurmUser=root'],
    ...[`SlurmctldPort=${controller}`, `SlurmdPort=${node}`],
    ...[`StateSaveLocation=${at('state')}`, `SlurmdSpoolDir=${at('spool')}`],
    ...[`SlurmctldPidFile=${at('slurmctld.pid')}`, `SlurmdPidFile=${at('slurmd.pid')}`],
    ...[`SlurmctldLogFile=${at('slurmctld.log')}`, `SlurmdLogFile=${at('slurmd.log')}`],
    ...['ProctrackType=proctrack/linuxproc', 'TaskPlugin=task/none', 'SwitchType=switch/none'],
    ...[
      'MpiDefault=none',
      'ReturnToService=2',
      'SlurmdParameters=config_overrides',
      'KillWait=15',
      'MessageTimeout=3',
    ],
    ...[
      'SchedulerType=sched/backfill',
      'SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1',
    ],
    ...['SelectType=select/cons_tres', 'SelectTypeParameters=CR_CPU_Memory'],
    ...[`MaxArraySize=${maxArraySize}`, `MaxJobCount=${maxJobs}`, 'MinJobAge=300'],
    ...['AccountingStorageType=accounting_storage/slurmdbd', 'AccountingStorageHost=127.0.0.1'],
    ...[`AccountingStoragePort=${accounting}`, `AccountingStoragePass=${at('munge', 'socket')}`],
    `NodeName=${name} NodeAddr=127.0.0.1 CPUs=${cpus} RealMemory=1000000 State=UNKNOWN`,
    'PartitionName=prod Nodes=ALL Default=YES MaxTime=INFINITE State=UP',
    'PartitionName=closed Nodes=ALL MaxTime=INFINITE State=DOWN',
  ]);
}

function logs(folder: string): string {
  return ['slurmctld.log', 'slurmd.log', 'slurmdbd.log']
    .map((name) => {
      try {
        return readFileSync(path.join(folder, name), 'utf8').slice(-1000);
      } catch {
        return `no ${name}`;
      }
    })
    .join('\n');
}
