package share

import (
	"bytes"
	"encoding/json"
	"html/template"

	"beckon/internal/markdown"
)

// SafeHTML makes the HTML of an answer: of Markdown, or, where it is data, of the JSON as it is.
func SafeHTML(answer string, isData bool) template.HTML {
	if !isData {
		return markdown.SafeHTML(answer)
	}
	var out bytes.Buffer
	if json.Indent(&out, []byte(answer), "", "  ") == nil {
		return markdown.Preformatted(out.String())
	}
	return markdown.Preformatted(answer)
}
