/** Text of the files of config/monitoring that follow from those of the chart. */
export const monitoringFiles = (rules: string, dashboard: string): Readonly<Record<string, string>> => ({
  "config/monitoring/prometheus-rule.yaml": [
    "# Made from charts/keyturn/files/rules.yaml by `npm run generate`; do not edit.",
    "apiVersion: monitoring.coreos.com/v1",
    "kind: PrometheusRule",
    "metadata:",
    "  name: keyturn",
    "spec:",
    ...rules
      .trimEnd()
      .split("\n")
      .map((line) => (line === "" ? "" : `  ${line}`)),
    "",
  ].join("\n"),
  "config/monitoring/keyturn.json": dashboard,
});
