package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
)

// harmless leaves out what a terminal would obey. Prompts and answers come from strangers: printed as they are, they
// could move the cursor, rename the window or say what is not so.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)
}

// oneLine shortens a text to a line of at most so many characters.
func oneLine(text string, most int) string {
	line := []rune(harmless(strings.Join(strings.Fields(strings.ToValidUTF8(text[:min(len(text), 8*most)], "")), " ")))
	if len(line) > most {
		return string(line[:most-1]) + "…"
	}
	return string(line)
}

// isTerminal reports whether somebody looks at what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// canRedraw reports whether w is a terminal that can move its cursor.
func canRedraw(w io.Writer) bool {
	kind := os.Getenv("TERM")
	return isTerminal(w) && kind != "" && kind != "dumb"
}

// answerText writes the text of an answer, as it comes or at once: exactly as it is into a file, harmless on a
// terminal.
type answerText struct {
	out  io.Writer
	said strings.Builder
}

func (t *answerText) add(piece string) error {
	t.said.WriteString(piece)
	return t.write(piece)
}

// complete writes what is missing of the whole answer. It reports whether what was written before was not its
// beginning: when a run is begun again after a crash, another answer may come of it.
func (t *answerText) complete(answer string) (anew bool, err error) {
	said := t.said.String()
	rest, ok := strings.CutPrefix(answer, said)
	if !ok {
		if err := t.endLine(said); err != nil {
			return true, err
		}
		rest = answer
	}
	if err := t.write(rest); err != nil {
		return !ok, err
	}
	return !ok, t.endLine(answer)
}

// broken ends the line of an answer that will not be complete.
func (t *answerText) broken() error {
	if t.said.Len() == 0 {
		return nil
	}
	return t.endLine(t.said.String())
}

func (t *answerText) endLine(text string) error {
	if strings.HasSuffix(text, "\n") {
		return nil
	}
	return t.write("\n")
}

func (t *answerText) write(text string) error {
	if isTerminal(t.out) {
		text = harmless(text)
	}
	_, err := io.WriteString(t.out, text)
	return err
}

// orEmpty is the text of a member that may be null.
func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// localTime shows a time of the API to people; programs take the JSON.
func localTime(text *string) string {
	t, err := time.Parse(time.RFC3339, orEmpty(text))
	if err != nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

// took is how long something has taken, or empty while it has not ended.
func took(from, to *string) string {
	start, err := time.Parse(time.RFC3339, orEmpty(from))
	if err != nil {
		return ""
	}
	end, err := time.Parse(time.RFC3339, orEmpty(to))
	if err != nil {
		return ""
	}
	return duration(end.Sub(start))
}

func duration(d time.Duration) string {
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.3gs", max(d, 0).Seconds())
}
