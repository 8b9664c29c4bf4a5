package deliveries

import (
	"encoding/json"
	"fmt"
	"strings"
)

// approval is a call of a tool that waits for a person, in an event run.waiting.
type approval struct {
	Tool      string          `json:"tool"`
	Arguments json.RawMessage `json:"arguments"`
	ExpiresAt string          `json:"expiresAt"`
	URL       string          `json:"url"`
}

// approvalsText asks people, in Markdown, to decide on calls. What the model has written stays within its marks.
func approvalsText(list []approval) string {
	var text strings.Builder
	for _, a := range list {
		plain := strings.NewReplacer("`", "'")
		fmt.Fprintf(&text, "May it call `%s`?\n\n```\n%s\n```\n\n", plain.Replace(a.Tool), plain.Replace(string(a.Arguments)))
		if strings.HasPrefix(a.URL, "http") {
			fmt.Fprintf(&text, "[Allow or deny](%s)\n\n", a.URL)
		}
	}
	return strings.TrimSpace(text.String())
}
