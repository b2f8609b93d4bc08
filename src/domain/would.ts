/** The next step of a resource, told while read-only keeps it from being done. */
export interface Would {
  /** Goes on after "Keyturn would": `issue a credential`. */
  readonly text: string;
  /** The step takes access away, or belongs to an end. */
  readonly ends: boolean;
}

export const adds = (text: string): Would => ({ text, ends: false });
export const ends = (text: string): Would => ({ text, ends: true });
