import { OperatorError, type FailureCode } from "../../kernel/errors.ts";

export const awsRefusal = (code: FailureCode, serverCode: string, status: number): OperatorError =>
  new OperatorError(code, { publicMessage: `AWS was refused: ${serverCode}.`, serverCode, status });
