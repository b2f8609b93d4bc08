import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SeenState } from "./states.ts";

/** A state that the accept runs have shown, and what it must mean to those who watch it. */
export interface Fixture extends SeenState {
  /** Argo CD's health. */
  readonly health: "Healthy" | "Progressing" | "Suspended" | "Degraded";
  readonly kstatus: "Current" | "InProgress" | "Failed" | "Terminating";
}

export const FIXTURES_FILE = join(import.meta.dirname, "fixtures.jsonl");

export const readFixtures = async (): Promise<readonly Fixture[]> =>
  (await readFile(FIXTURES_FILE, "utf8"))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Fixture);
