package deliveries

import (
	"encoding/json"
	"fmt"
	"strings"

	"beckon/deliveries/destinations"
)

// approval is a call of a tool that waits for a person, in an event run.waiting.
type approval struct {
	Tool      string          `json:"tool"`
	Arguments json.RawMessage `json:"arguments"`
	ExpiresAt string          `json:"expiresAt"`
	URL       string          `json:"url"`
}

// askFor asks people, in Markdown, to decide on calls. Each has a link, or a button where there may be as many.
// Both open a page, and only what is sent from there decides. What the model has written stays within its marks.
func askFor(list []approval, maxButtons int) (markdown string, buttons []destinations.Button) {
	var text strings.Builder
	for _, a := range list {
		plain := strings.NewReplacer("`", "'")
		fmt.Fprintf(&text,
			"May it call `%s`?\n\n```\n%s\n```\n\n", plain.Replace(a.Tool), plain.Replace(string(a.Arguments)))
		switch {
		case !strings.HasPrefix(a.URL, "http"):
		case len(list) <= maxButtons:
			buttons = append(buttons, destinations.Button{Label: "Review " + a.Tool, URL: a.URL})
		default:
			fmt.Fprintf(&text, "[Allow or deny](%s)\n\n", a.URL)
		}
	}
	return strings.TrimSpace(text.String()), buttons
}
