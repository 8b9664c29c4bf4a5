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

// Message is an event on its way to people.
type Message struct {
	ID     string // the event's
	Kind   string // what it is: run.completed
	Type   string // what it is called outside
	RunID  string
	Agent  string // the agent or flow; empty for what is about none
	Output string // the answer, in Markdown
	Error  string // why it failed
	Key    string // the same for all events about the same thing; empty where none is known
	First  string // what the receiver calls the first message with this Key; empty for that one
	Title  string // of what it is about, such as an alert; empty where that is not known
	Firing bool   // that is an alert which was firing when it was reported
	Note   string // what an event of another kind says
	Link   string // to the run, for people; empty where there is none
	Files  []File
	// Buttons open pages where people decide. The text has links in their place where the receiver shows no buttons; see
	// Receiver.MaxButtons.
	Buttons []Button
	// GateFailed says that the answer does not meet the gate of its run, and Reason why it does or does not.
	GateFailed bool
	Reason     string
	// Origin is nil where the call of the run has told of none, and for what is about no run.
	Origin *Origin
	// IsSample says that the message is made up: there is no run.
	IsSample bool
	// Series is the same for all attempts to send it, until somebody asks for it again.
	Series string
	// Since is when the first attempt may have been made, where an earlier one may have succeeded unnoticed; else zero.
	Since time.Time
	Form  *Form // what a visitor of a web page has sent, where the run is about that
	// Data is what a template sees of the event, and of its run where the receiver reads that.
	Data func(t *render.Template) (map[string]any, error)
	// Document is the event in the format run.
	Document func() ([]byte, error)
}

// Origin is where a run's call came from.
type Origin struct {
	Source string // of its client, such as github
	Signed bool   // a signature over the call's body proved its sender
	Place  *repository.Place
}

// File is something that a run has made. It has no URL where the receiver could not open it.
type File struct{ Name, URL string }

// Button opens a page.
type Button struct{ Label, URL string }

// Form is a form that a visitor of a web page has sent. All of it but Name is what a stranger has typed.
type Form struct {
	Name    string            // of the client
	Title   string            // what it is about, where the visitor says that
	ReplyTo string            // the visitor's address, and nothing else; empty where it is not known
	Fields  map[string]string // what they have sent
}

// State says how good the news of a message is.
type State int

// States.
const (
	Neutral State = iota
	Good
	Bad
)

// Kinds of events that a message is written differently for.
const (
	runCompleted  = "run.completed"
	runFailed     = "run.failed"
	runWaiting    = "run.waiting"
	eventResolved = "event.resolved"
)

// Events are those that a destination takes when an endpoint names none.
func Events() []string { return []string{runCompleted, runFailed, eventResolved} }

// State is that of the message.
func (m Message) State() State {
	switch {
	case m.Error != "" || m.GateFailed:
		return Bad
	case m.Kind == runCompleted && m.Firing: // the answer is there, and the alert goes on
		return Neutral
	case m.Kind == runCompleted || m.Kind == eventResolved:
		return Good
	}
	return Neutral
}

// Headline is the message in a few words, as a text that nobody has escaped yet.
func (m Message) Headline() string {
	switch {
	case m.Kind == eventResolved:
		return "Resolved: " + cmp.Or(m.Title, m.Key, "what was reported")
	case m.Kind == runCompleted && m.Title != "" && m.Firing && !strings.Contains(m.Title, " firing"): // as in "2 firing: DiskFull"
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

// HeadlineThere is Headline for a message that stands where the thing it is about is, whose title it need not say.
func (m Message) HeadlineThere() string {
	if m.Kind != eventResolved {
		m.Title = ""
	}
	return m.Headline()
}

// Markdown is what the message says below its headline. JSON is shown as it is, in lines.
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

// Bounds of what is named below a message.
const (
	maxFiles    = 10
	maxFileName = 80
)

// FileLinks are links to the files in a dialect, one a line.
func (m Message) FileLinks(d *markdown.Dialect) string {
	var lines []string
	for i, f := range m.Files {
		if i == maxFiles {
			lines = append(lines, d.Text("and more"))
			break
		}
		if f.URL == "" { // others could not open it
			lines = append(lines, d.Text(Cut(f.Name, maxFileName)))
			continue
		}
		lines = append(lines, d.Link(Cut(f.Name, maxFileName), f.URL))
	}
	return strings.Join(lines, "\n")
}

// More is what stands at the end of a text that was cut.
func (m Message) More(d *markdown.Dialect) string {
	if m.Link == "" {
		return d.Text("… It goes on, but this message ends here.")
	}
	return d.Link("… Read the rest", m.Link)
}

// Fit writes the message's text in a dialect, within a limit, with the links to its files and its run below it.
func (m Message) Fit(d *markdown.Dialect, limit int) string {
	return m.FitBlocks(d, limit, m.Blocks(d, limit))
}

// Blocks are the parts of the message's text, or as many as say all that is shown within a limit.
func (m Message) Blocks(d *markdown.Dialect, limit int) []markdown.Block {
	return d.Blocks(m.Markdown(), d.Enough(limit))
}

// FitBlocks is Fit for a text that was read already, by Blocks with the same limit.
func (m Message) FitBlocks(d *markdown.Dialect, limit int, blocks []markdown.Block) string {
	return m.fitBelow("", d, limit, blocks)
}

// FitBelow is Fit with a head and an empty line before it, which do not count.
func (m Message) FitBelow(head string, d *markdown.Dialect, limit int) string {
	return m.fitBelow(head+"\n\n", d, limit, m.Blocks(d, limit))
}

func (m Message) fitBelow(head string, d *markdown.Dialect, limit int, blocks []markdown.Block) string {
	files, open := m.FileLinks(d), m.OpenRun(d)
	var b strings.Builder
	b.Grow(len(head) + len(files) + len(open) + 2*len("\n\n") + d.Size(blocks, limit))
	b.WriteString(head)
	cut := d.JoinBelow(&b, blocks, limit-2*len("\n\n")-d.Measure(files)-d.Measure(open), m.More(d))
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

// OpenRun is the link to the run; empty where there is none.
func (m Message) OpenRun(d *markdown.Dialect) string {
	if m.Link == "" {
		return ""
	}
	return d.Link("Open the run", m.Link)
}

// Brief is the message in one line of text, for notifications and lists. blocks are its Markdown in any dialect.
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

// addWords writes the words of a text behind a line, with one space between them.
func addWords(line *strings.Builder, text string) {
	for word := range strings.FieldsSeq(text) {
		if line.Len() > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(word)
	}
}

// Short is why the message says what it says, or the beginning of its text, in one line.
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

// Cut ends a text after so many characters, and takes out what nobody sees.
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
