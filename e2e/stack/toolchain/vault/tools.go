//go:build tools

// Package tools pins what the local stack builds from source; nothing imports it.
package tools

import _ "github.com/hashicorp/vault"
