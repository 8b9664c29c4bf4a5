// Package beckon embeds the example configuration, whose comments are the descriptions of the settings.
package beckon

import _ "embed"

// ExampleConfig is config.example.yaml: every section, with every key and its description.
//
//go:embed config.example.yaml
var ExampleConfig []byte
