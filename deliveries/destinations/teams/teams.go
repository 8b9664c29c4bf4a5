// Package teams sends Adaptive Cards to a channel or chat of Microsoft Teams by the URL of a workflow.
package teams

import (
	"net/http"
	"slices"
	"strings"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
	"beckon/internal/problem"
)

// The bounds of a card: a message may have 28 KB (learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors).
const (
	maxBody  = 27 << 10
	maxText  = 12_000
	maxCode  = 4000
	maxTitle = 200
	// maxButtons leaves a place to the button that opens the run: a card has six.
	maxButtons = 5
)

// Destination is Microsoft Teams.
var Destination = &destinations.Destination{Name: "teams", Title: "Microsoft Teams", Open: open,
	Help: "The URL of a workflow that begins “When a Teams webhook request is received”."}

type message struct {
	Type        string       `json:"type"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	Content     card   `json:"content"`
}

type card struct {
	Schema  string         `json:"$schema"`
	Type    string         `json:"type"`
	Version string         `json:"version"`
	Teams   map[string]any `json:"msteams"`
	Body    []element      `json:"body"`
	Actions []action       `json:"actions,omitempty"`
}

type element struct {
	Type      string `json:"type"`
	Text      string `json:"text,omitempty"`
	Wrap      bool   `json:"wrap,omitempty"`
	Weight    string `json:"weight,omitempty"`
	Size      string `json:"size,omitempty"`
	Color     string `json:"color,omitempty"`
	Inlines   []run  `json:"inlines,omitempty"`
	Separator bool   `json:"separator,omitempty"`
}

// run is text that is shown as it is.
type run struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	FontType string `json:"fontType"`
}

type action struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

var colors = map[destinations.State]string{destinations.Good: "Good", destinations.Bad: "Attention"}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	r.Request = func(m destinations.Message) (destinations.Request, error) {
		for limit := maxText; ; limit /= 2 {
			q, err := destinations.JSON(s.URL, nil, message{
				"message", []attachment{{"application/vnd.microsoft.card.adaptive", cardOf(m, limit)}},
			})
			if err != nil || len(q.Body) <= maxBody || limit == 0 {
				return q, err
			}
		}
	}
	r.Judge, r.MaxButtons = judge, maxButtons
	return r, nil
}

func cardOf(m destinations.Message, limit int) card {
	c := card{
		Schema:  "http://adaptivecards.io/schemas/adaptive-card.json",
		Type:    "AdaptiveCard",
		Version: "1.4",
		Teams:   map[string]any{"width": "Full"},
		Body:    body(m, limit),
	}
	for _, b := range m.Buttons {
		c.Actions = append(c.Actions, action{"Action.OpenUrl", destinations.Cut(b.Label, maxTitle), b.URL})
	}
	if m.Link != "" {
		c.Actions = append(c.Actions, action{"Action.OpenUrl", "Open the run", m.Link})
	}
	return c
}

// body has an element for each paragraph: in the text of one there are neither headings nor code.
func body(m destinations.Message, limit int) []element {
	d := markdown.Card
	list := []element{{
		Type:   "TextBlock",
		Text:   d.Text(destinations.Cut(m.Headline(), maxTitle)),
		Wrap:   true,
		Weight: "Bolder",
		Size:   "Large",
		Color:  colors[m.State()],
	}}
	used, blocks := 0, d.Blocks(m.Markdown(), 4*limit)
	list = slices.Grow(list, len(blocks)+2)
	for _, b := range blocks {
		room := limit - used
		if b.Code {
			room = min(room, maxCode)
		}
		pieces := d.Pieces(b, room, 1)
		if used += d.Measure(b.Text); len(pieces) == 0 || used > limit && room < limit/2 {
			break
		}
		e := element{Type: "TextBlock", Text: lines(pieces[0]), Wrap: true}
		last := &list[len(list)-1]
		isInSameList := b.Separator() == "\n" && len(list) > 1 && last.Type == e.Type && last.Weight == ""
		if isInSameList {
			last.Text += "\n" + pieces[0]
			continue
		}
		switch {
		case b.Code:
			e = element{Type: "RichTextBlock", Inlines: []run{{"TextRun", pieces[0], "Monospace"}}}
		case b.Level > 0:
			e.Weight, e.Size = "Bolder", "Medium"
		}
		list = append(list, e)
	}
	if used >= limit {
		list = append(list, element{Type: "TextBlock", Text: m.ReadMore(d), Wrap: true})
	}
	if files := m.FileLinks(d); files != "" {
		list = append(list, element{Type: "TextBlock", Text: lines(files), Wrap: true, Separator: true})
	}
	return list
}

// lines keeps the ends of lines: one alone is a space in a card.
func lines(written string) string { return strings.ReplaceAll(written, "\n", "\n\n") }

func judge(a destinations.Answer) destinations.Verdict {
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	read := a.Decode(&said)
	switch {
	case a.Status == http.StatusTooManyRequests:
		return destinations.RateLimited("Teams", a.Wait())
	case a.OK() && strings.Contains(string(a.Body), "Webhook message delivery failed"):
		// with 200, of the older connectors
		if strings.Contains(string(a.Body), "429") {
			return destinations.RateLimited("Teams", a.Wait())
		}
		return destinations.Verdict{Reason: destinations.Refused("Teams", string(a.Body), "")}
	case a.OK():
		return destinations.Verdict{}
	case read && said.Error.Message != "" && a.Status < 500:
		return destinations.Verdict{
			Reason: destinations.Refused("Teams", said.Error.Message, "Look at the workflow in Teams, and at its URL."),
			Wait:   a.Wait(),
		}
	}
	return destinations.JudgeByStatus(a)
}
