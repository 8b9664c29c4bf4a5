package destinations

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"beckon/internal/markdown"
	"beckon/internal/render"
	"beckon/internal/repository"
)

// Message is an event, prepared to be written as a message that people read.
type Message struct {
	ID     string // the ID of the event
	Kind   string // the event's type before agents and flows rename it, such as run.completed
	Type   string // the event's type as the receiver sees it, such as lead.completed
	RunID  string // empty if the event is about no run
	Agent  string // the ID of the agent or flow; empty if the event is about none
	Output string // the answer of the run, in Markdown
	Error  string // the message of the error; empty if nothing failed
	Key    string // equal for all events about the same thing, such as an alert; empty if it is not known
	First  string // the receiver's ID of the first message with this Key; empty for the first message
	Title  string // the title of that thing, such as the name of an alert; empty if it is not known
	Firing bool   // the run is about an alert that was firing when it was reported
	Note   string // the text of an event that is neither an answer nor an error
	Link   string // the URL of the run's page, for people; empty if it has none
	Files  []File
	// Buttons open pages on which people decide. For a receiver without buttons (see Receiver.MaxButtons) the text
	// contains links instead.
	Buttons []Button
	// GateFailed reports that the answer did not pass the gate of its run. Reason is the gate's reason, whether the
	// answer passed or not.
	GateFailed bool
	Reason     string
	// Origin is nil if the sender of the call named no origin, or if the event is about no run.
	Origin *Origin
	// IsSample reports that the message is an example, for which no run exists.
	IsSample bool
	// Series is equal for all attempts to send the message. Sending it again by hand starts another series.
	Series string
	// Since is the time of the first attempt, if an earlier attempt may have succeeded although no response arrived.
	// Otherwise it is zero.
	Since time.Time
	Form  *Form // the form that a visitor of a web page sent, if the run is about one
	// Data returns the values that a template can use: the event, and its run if the receiver reads runs.
	Data func(t *render.Template) (map[string]any, error)
	// Document returns the event in the format "run".
	Document func() ([]byte, error)
}

// Origin describes the call that started a run.
type Origin struct {
	Source string // the source of its client, such as github
	Signed bool   // a signature over the body proved who sent it
	Place  *repository.Place
}

// File is something that a run has made.
type File struct{ Name, URL string }

// Button is a button that opens a page.
type Button struct{ Label, URL string }

// Form is a form that a visitor of a web page sent. All members but Name were typed by a stranger.
type Form struct {
	Name    string            // the name of the client
	Title   string            // the subject that the visitor gave; empty without one
	ReplyTo string            // the visitor's mail address, without a name; empty if it is not known
	Fields  map[string]string // the values of the fields, by their names
}

// State tells good news from bad news, which receivers show in different colours.
type State int

// States.
const (
	Neutral State = iota
	Good
	Bad
)

// Kinds of events for which Headline has words of its own.
const (
	runCompleted  = "run.completed"
	runFailed     = "run.failed"
	runWaiting    = "run.waiting"
	eventResolved = "event.resolved"
)

// Events returns the types of events that a destination receives if its endpoint lists none.
func Events() []string { return []string{runCompleted, runFailed, eventResolved} }

// State returns the state of the message.
func (m Message) State() State {
	switch {
	case m.Error != "" || m.GateFailed:
		return Bad
	case m.Kind == runCompleted && m.Firing: // the agent has answered, but the alert is not resolved
		return Neutral
	case m.Kind == runCompleted || m.Kind == eventResolved:
		return Good
	}
	return Neutral
}

// Headline returns a title for the message. It is not escaped.
func (m Message) Headline() string {
	switch {
	case m.Kind == eventResolved:
		return "Resolved: " + cmp.Or(m.Title, m.Key, "what was reported")
	case m.Kind == runCompleted && m.Title != "" && m.Firing && !strings.Contains(m.Title, " firing"):
		// as in "2 firing: DiskFull"
		return "Firing: " + m.Title
	case m.Kind == runCompleted:
		return cmp.Or(m.Title, m.Agent, "Beckon")
	case m.Kind == runFailed && m.Title != "":
		return strings.TrimSpace(m.Agent+" failed: ") + " " + m.Title
	case m.Kind == runFailed:
		return strings.TrimSpace(m.Agent + " failed")
	case m.Kind == runWaiting:
		return cmp.Or(m.Agent, "A run") + " waits for a decision"
	}
	return strings.TrimPrefix(m.Agent+": "+m.Type, ": ")
}

// HeadlineWithoutTitle is Headline for a comment on the thing that the message is about, where readers see its title
// anyway.
func (m Message) HeadlineWithoutTitle() string {
	if m.Kind != eventResolved {
		m.Title = ""
	}
	return m.Headline()
}

// Markdown returns the text below the headline. JSON is indented, in a code block.
func (m Message) Markdown() string {
	if m.Error != "" {
		return markdown.Escape(m.Error)
	}
	text := cmp.Or(m.Output, markdown.Escape(m.Note))
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		var out bytes.Buffer
		if json.Indent(&out, []byte(trimmed), "", "  ") == nil {
			return "~~~~json\n" + strings.ReplaceAll(out.String(), "~~~~", `~~~\u007e`) + "\n~~~~"
		}
	}
	return text
}

// Limits of the list of files below a message.
const (
	maxFiles    = 10
	maxFileName = 80
)

// FileLinks returns links to the files, one a line.
func (m Message) FileLinks(d *markdown.Dialect) string {
	var lines []string
	for i, f := range m.Files {
		if i == maxFiles {
			lines = append(lines, d.Text("and more"))
			break
		}
		lines = append(lines, d.Link(Cut(f.Name, maxFileName), f.URL))
	}
	return strings.Join(lines, "\n")
}

// ReadMore returns the last line of a text that was cut: a link to the rest, if the run has a page.
func (m Message) ReadMore(d *markdown.Dialect) string {
	if m.Link == "" {
		return d.Text("… It goes on, but this message ends here.")
	}
	return d.Link("… Read the rest", m.Link)
}

// Fit returns the text of the message in a dialect, with links to its files and its run below. It cuts the text to
// the limit.
func (m Message) Fit(d *markdown.Dialect, limit int) string {
	return m.FitBlocks(d, limit, m.Blocks(d, limit))
}

// Blocks parses the text of the message. Blocks that do not fit in the limit may be missing.
func (m Message) Blocks(d *markdown.Dialect, limit int) []markdown.Block {
	return d.Blocks(m.Markdown(), d.Enough(limit))
}

// FitBlocks is Fit for blocks that Blocks returned for the same limit.
func (m Message) FitBlocks(d *markdown.Dialect, limit int, blocks []markdown.Block) string {
	return m.fitBelow("", d, limit, blocks)
}

// FitBelow is Fit with a head and an empty line in front, which do not count towards the limit.
func (m Message) FitBelow(head string, d *markdown.Dialect, limit int) string {
	return m.fitBelow(head+"\n\n", d, limit, m.Blocks(d, limit))
}

func (m Message) fitBelow(head string, d *markdown.Dialect, limit int, blocks []markdown.Block) string {
	files, open := m.FileLinks(d), m.OpenRun(d)
	var b strings.Builder
	b.Grow(len(head) + len(files) + len(open) + 2*len("\n\n") + d.Size(blocks, limit))
	b.WriteString(head)
	cut := d.JoinBelow(&b, blocks, limit-2*len("\n\n")-d.Measure(files)-d.Measure(open), m.ReadMore(d))
	if files != "" {
		b.WriteString("\n\n")
		b.WriteString(files)
	}
	if !cut && m.Link != "" {
		b.WriteString("\n\n")
		b.WriteString(open)
	}
	text := b.String()
	if body := strings.TrimSpace(text[len(head):]); len(body) < len(text)-len(head) {
		return head + body
	}
	return text
}

// OpenRun returns a link to the run; empty if the run has no page.
func (m Message) OpenRun(d *markdown.Dialect) string {
	if m.Link == "" {
		return ""
	}
	return d.Link("Open the run", m.Link)
}

// Brief returns headline and text in one line, for notifications and lists. blocks are those of the message, in any
// dialect.
func (m Message) Brief(blocks []markdown.Block, limit int) string {
	var line strings.Builder
	line.Grow(2 * limit)
	addWords(&line, m.Headline()+":")
	size := 0
	for _, b := range blocks {
		if size > limit {
			break
		}
		plain := b.Plain()
		size += len(plain)
		addWords(&line, plain)
	}
	return Cut(markdown.Plain.Text(strings.TrimSuffix(line.String(), ":")), limit)
}

// addWords appends the words of a text to a line, with one space between them.
func addWords(line *strings.Builder, text string) {
	for word := range strings.FieldsSeq(text) {
		if line.Len() > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(word)
	}
}

// Short returns the error or the gate's reason in one line. Without either, it is the beginning of the text.
func (m Message) Short(limit int) string {
	var line strings.Builder
	if text := cmp.Or(m.Error, m.Reason); text != "" {
		addWords(&line, text)
	} else {
		for _, b := range markdown.Plain.Blocks(m.Markdown(), 4*limit) {
			addWords(&line, b.Plain())
		}
	}
	return Cut(line.String(), limit)
}

// Cut shortens a text to limit characters, and removes invisible characters.
func Cut(text string, limit int) string {
	text = markdown.Clean(text)
	if len(text) <= limit || utf8.RuneCountInString(text) <= limit {
		return text
	}
	n := 0
	for i := range text {
		if n == limit-1 {
			return text[:i] + "…"
		}
		n++
	}
	return text
}
