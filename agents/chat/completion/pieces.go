package completion

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// pieces takes a text that comes as several JSON strings. Servers cut texts where their tokens end, which may be in the
// middle of a character: its escaped halves ("\ud83d", "\ude00") or its bytes then come in two strings.
type pieces struct {
	half []byte // the beginning of a character whose rest has not come, as it stood in its string
}

// add appends to text what a JSON string adds to it.
func (p *pieces) add(text, value []byte) []byte {
	if len(p.half) > 0 {
		joined := append([]byte{'"'}, p.half...)
		value, p.half = append(joined, value[1:]...), nil
	}
	if n := halfAt(value); n > 0 {
		end := len(value) - 1
		p.half = append(p.half, value[end-n:end]...)
		value = append(value[:end-n:end-n], '"')
	}
	return unquote(text, value)
}

// end appends what is left: half a character whose rest never came.
func (p *pieces) end(text []byte) []byte {
	if len(p.half) == 0 {
		return text
	}
	rest := append(append([]byte{'"'}, p.half...), '"')
	p.half = nil
	return unquote(text, rest)
}

func unquote(text, value []byte) []byte {
	from := len(text)
	text, _ = jsontext.AppendUnquote(text, value)
	if added := text[from:]; bytes.IndexByte(added, 0) >= 0 { // PostgreSQL cannot store it in a text
		text = append(text[:from], bytes.ReplaceAll(added, []byte{0}, []byte("\uFFFD"))...)
	}
	return text
}

// halfAt returns how many bytes at the end of a JSON string, in front of its quote, are the beginning of a character.
func halfAt(value []byte) int {
	text := value[1 : len(value)-1]
	if n := len(text); n >= 6 && text[n-6] == '\\' && text[n-5] == 'u' && (text[n-4] == 'd' || text[n-4] == 'D') {
		unit, err := strconv.ParseUint(string(text[n-4:]), 16, 16)
		if err == nil && unit < 0xDC00 && backslashes(text[:n-6])%2 == 0 {
			return 6
		}
	}
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if first := text[len(text)-n]; utf8.RuneStart(first) {
			if first >= utf8.RuneSelf && !utf8.FullRune(text[len(text)-n:]) {
				return n
			}
			break
		}
	}
	return 0
}

func backslashes(text []byte) (n int) {
	for n < len(text) && text[len(text)-1-n] == '\\' {
		n++
	}
	return n
}

// thought takes what a model thinks out of the beginning of its text: <think>…</think>, and <thought>…</thought> where
// Gemini is asked for it. It works piece by piece.
type thought struct {
	state  thoughtState
	held   string // not decided yet
	close  string // the tag that ends it
	inside strings.Builder
}

// maxUndecided bounds the white space in front of a thought.
const maxUndecided = 1 << 10

type thoughtState int

const (
	thoughtMayBegin thoughtState = iota
	thoughtGoesOn
	thoughtIsOver // the white space behind it goes too
	noThought
)

// add takes up a piece of the text and returns what of it, and of earlier pieces, is the answer's.
func (t *thought) add(piece string) string {
	if t.state == noThought {
		return piece
	}
	t.held += piece
	if t.state == thoughtMayBegin {
		text := strings.TrimLeft(t.held, " \t\r\n")
		for _, tag := range []string{"think>", "thought>"} {
			if rest, ok := strings.CutPrefix(text, "<"+tag); ok {
				t.state, t.held, t.close = thoughtGoesOn, rest, "</"+tag
			} else if strings.HasPrefix("<"+tag, text) && len(t.held) < maxUndecided {
				return "" // it may still become one
			}
		}
		if t.state == thoughtMayBegin {
			return t.flush()
		}
	}
	if t.state == thoughtGoesOn {
		inside, rest, ended := strings.Cut(t.held, t.close)
		if !ended {
			keep := max(0, len(inside)-len(t.close)+1) // what follows may be the beginning of the tag
			t.inside.WriteString(inside[:keep])
			t.held = inside[keep:]
			return ""
		}
		t.inside.WriteString(inside)
		t.state, t.held = thoughtIsOver, rest
	}
	if t.held = strings.TrimLeft(t.held, " \t\r\n"); t.held == "" {
		return ""
	}
	return t.flush()
}

func (t *thought) flush() string {
	held := t.held
	t.state, t.held = noThought, ""
	return held
}

// end returns what is left of the answer when no more comes.
func (t *thought) end() string {
	if t.state == thoughtGoesOn {
		t.inside.WriteString(t.held)
		t.held = ""
	}
	return t.flush()
}
