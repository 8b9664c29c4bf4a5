package fence

import (
	"slices"
	"strings"
	"unicode"
)

// Spans are the parts of a text that are data: from and to in bytes, in order, without overlap.
type Spans [][2]int

// All returns the spans of a text that is data as a whole.
func All(text string) Spans {
	if text == "" {
		return nil
	}
	return Spans{{0, len(text)}}
}

// maxSpans is how many parts of a text are marked one by one: a template may print a value for each item of a long
// list.
const maxSpans = 512

// bounded returns maxSpans spans at most. Where there are more, neighbours become one, with what stands between them.
func (s Spans) bounded() Spans {
	if len(s) <= maxSpans {
		return s
	}
	var fewer Spans
	for together := range slices.Chunk(s, (len(s)+maxSpans-1)/maxSpans) {
		fewer = append(fewer, [2]int{together[0][0], together[len(together)-1][1]})
	}
	return fewer
}

// Bounded returns the text with so few parts that each can be marked; see Fence.Mark.
func (t Text) Bounded() Text { return Text{t.Text, t.Spans.bounded()} }

// fit reports whether they can be those of a text.
func (s Spans) fit(text string) bool {
	at := 0
	for _, span := range s {
		if span[0] < at || span[1] < span[0] || span[1] > len(text) {
			return false
		}
		at = span[1]
	}
	return true
}

// Text is a text of which parts are data.
type Text struct {
	Text  string
	Spans Spans
}

// Data returns a text that is data as a whole.
func Data(text string) Text { return Text{text, All(text)} }

// AddOwn adds what the owner has written.
func (t *Text) AddOwn(text string) { t.Text += text }

// AddData adds data.
func (t *Text) AddData(data string) { t.Add(Data(data)) }

// Add adds a text.
func (t *Text) Add(other Text) {
	t.Spans = slices.Clip(t.Spans) // others may have the same beginning
	for _, span := range other.Spans {
		t.Spans = append(t.Spans, [2]int{span[0] + len(t.Text), span[1] + len(t.Text)})
	}
	t.Text += other.Text
}

// From returns what stands behind the first bytes of the text.
func (t Text) From(begin int) Text {
	rest := Text{Text: t.Text[begin:]}
	for _, span := range t.Spans {
		if span[1] > begin {
			rest.Spans = append(rest.Spans, [2]int{max(span[0]-begin, 0), span[1] - begin})
		}
	}
	return rest
}

// TrimSpace returns the text without the white space around it.
func (t Text) TrimSpace() Text {
	t = t.From(len(t.Text) - len(strings.TrimLeftFunc(t.Text, unicode.IsSpace)))
	end := len(strings.TrimRightFunc(t.Text, unicode.IsSpace))
	t.Text = t.Text[:end]
	for i := len(t.Spans) - 1; i >= 0 && t.Spans[i][1] > end; i-- {
		if t.Spans[i][1] = end; t.Spans[i][0] >= end {
			t.Spans = t.Spans[:i]
		}
	}
	return t
}

// Map returns the text with each part of it, data or not, replaced by what change makes of it.
func (t Text) Map(change func(part string) string) (changed Text) {
	at := 0
	for _, span := range t.Spans {
		changed.AddOwn(change(t.Text[at:span[0]]))
		changed.AddData(change(t.Text[span[0]:span[1]]))
		at = span[1]
	}
	changed.AddOwn(change(t.Text[at:]))
	return changed
}

// Expand returns the text with each part of data that is the text of inner replaced by inner, whose own parts stay
// the owner's.
func (t Text) Expand(inner Text) (expanded Text) {
	if inner.Text == "" || len(inner.Spans) == 1 && inner.Spans[0] == [2]int{0, len(inner.Text)} {
		return t
	}
	at := 0
	for _, span := range t.Spans {
		expanded.AddOwn(t.Text[at:span[0]])
		if data := t.Text[span[0]:span[1]]; data == inner.Text {
			expanded.Add(inner)
		} else {
			expanded.AddData(data)
		}
		at = span[1]
	}
	expanded.AddOwn(t.Text[at:])
	return expanded
}
