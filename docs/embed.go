// Package docs has the documentation's pages in the binary.
package docs

import "embed"

// Pages are the pages and guides as Markdown.
//
//go:embed *.md guides/*.md
var Pages embed.FS
