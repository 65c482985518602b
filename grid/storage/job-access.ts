/** A place of a storage that a job is to reach, and what for. */
export interface JobPlace {
  /** See `StorageElement.url`. */
  readonly url: string;
  readonly use: 'input' | 'output' | 'claim';
}

/**
 * What makes a server answer a job. It is a secret: it goes into the job's own folder and nowhere else, and on its way there is in no history, catalog or
 * log.
 */
export interface JobAccess {
  /** An address of the storage; one that ends with a slash stands for all below it. */
  readonly url: string;
  /** The method that it is for. (Default: all) */
  readonly method?: 'GET' | 'PUT' | 'DELETE';
  /** Options of curl, as in its configuration files. */
  readonly curl: readonly (readonly [option: string, value: string])[];
  /** What these options name as files of the job's folder; the names begin with `wrapper.`. */
  readonly files?: Readonly<Record<string, string>>;
}
