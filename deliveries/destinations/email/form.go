package email

import (
	"cmp"
	"encoding/json"
	"html/template"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
)

// maxInline is how many characters a member of an answer may have that stands in one line with its name.
const maxInline = 120

// headlineOf is what a mail is about: of a form, whose it is and what its visitor says that it is about.
func headlineOf(m destinations.Message) string {
	f := m.Form
	if f == nil {
		return m.Headline()
	}
	about := cmp.Or(f.Title, "message from "+f.ReplyTo)
	if about == "message from " {
		about = "new message"
	}
	if m.Error != "" {
		about += " (" + m.Headline() + ")"
	}
	return f.Name + ": " + about
}

var tableOfFields = template.Must(template.New("").Parse(`<table style="border-collapse:collapse">
{{ range . }}<tr><th style="text-align:left;vertical-align:top;padding:2px 12px 2px 0">{{ .Name }}</th>` +
	`<td style="white-space:pre-wrap;padding:2px 0">{{ .Value }}</td></tr>
{{ end }}</table>
`))

type field struct{ Name, Value string }

// fieldsOf are the fields of a form as they are shown, by name.
func fieldsOf(f *destinations.Form) (list []field) {
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		if value := strings.TrimSpace(markdown.Clean(f.Fields[name])); value != "" {
			list = append(list, field{strings.Join(strings.Fields(markdown.Clean(name)), " "), value})
		}
	}
	return list
}

// htmlOfForm is a table of what a visitor has sent; empty where a mail is about no form.
func htmlOfForm(m destinations.Message) string {
	if m.Form == nil {
		return ""
	}
	var b strings.Builder
	_ = tableOfFields.Execute(&b, fieldsOf(m.Form)) // texts never fail
	return b.String() + "<h3>" + markdown.EscapeHTML(answerTitle(m)) + "</h3>\n"
}

// plainOfForm is the same as a text, in which a value of several lines is indented.
func plainOfForm(m destinations.Message) string {
	if m.Form == nil {
		return ""
	}
	var b strings.Builder
	for _, f := range fieldsOf(m.Form) {
		value := " " + f.Value
		if lines := strings.Split(f.Value, "\n"); len(lines) > 1 {
			value = "\n  " + strings.Join(lines, "\n  ")
		}
		b.WriteString(markdown.Plain.Text(f.Name+":"+value) + "\n")
	}
	return b.String() + "\n" + markdown.Plain.Text(answerTitle(m)) + ":\n\n"
}

func answerTitle(m destinations.Message) string {
	if m.Error != "" {
		return "Why there is no answer"
	}
	return "Answer of " + cmp.Or(m.Agent, "Beckon")
}

// answerOf is the answer to a form. An object of JSON becomes Markdown: what is short stands beside its name, a
// draft below it.
func answerOf(m destinations.Message) string {
	d := jsontext.NewDecoder(strings.NewReader(m.Output))
	if start, err := d.ReadToken(); err != nil || start.Kind() != '{' {
		return m.Output
	}
	var short, long strings.Builder
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return m.Output
		}
		title := markdown.Escape(name.String())
		value, err := d.ReadValue()
		if err != nil {
			return m.Output
		}
		text := string(value)
		switch value.Kind() {
		case '"':
			_ = json.Unmarshal(value, &text)
		case '{', '[':
			text = "~~~~json\n" + strings.ReplaceAll(text, "~~~~", `~~~\u007e`) + "\n~~~~"
		}
		if utf8.RuneCountInString(text) <= maxInline && !strings.ContainsAny(text, "\r\n") {
			short.WriteString("**" + title + ":** " + markdown.Escape(text) + "\n\n")
		} else {
			long.WriteString("**" + title + "**\n\n" + text + "\n\n")
		}
	}
	if end, err := d.ReadToken(); err != nil || end.Kind() != '}' {
		return m.Output
	}
	return strings.TrimSpace(short.String() + long.String())
}
