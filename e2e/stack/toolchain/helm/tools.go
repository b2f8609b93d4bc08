//go:build tools

// Package tools pins what the local stack builds from source; nothing imports it.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
