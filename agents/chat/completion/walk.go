package completion

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var tolerant = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// walker goes once through JSON. Values are parts of the text, not copies. After an error every method does nothing.
type walker struct {
	decoder jsontext.Decoder
	buffer  bytes.Buffer
	text    []byte
	err     error
}

func (w *walker) over(text []byte) {
	w.text, w.err = text, nil
	w.buffer = *bytes.NewBuffer(text)
	w.decoder.Reset(&w.buffer, tolerant)
}

// kind is that of the next value, '}' or ']' at the end of an object or array, and 0 at the end or after an error.
func (w *walker) kind() jsontext.Kind {
	if w.err != nil {
		return 0
	}
	return w.decoder.PeekKind()
}

// value reads the next value, whatever it is.
func (w *walker) value() []byte {
	if w.err != nil {
		return nil
	}
	v, err := w.decoder.ReadValue()
	if err != nil {
		w.err = err
		return nil
	}
	end := int(w.decoder.InputOffset())
	return w.text[end-len(v) : end]
}

func (w *walker) token() {
	if w.err == nil {
		_, w.err = w.decoder.ReadToken()
	}
}

// object calls each for every member of the next value, which has to read the member's value; of another value than an
// object it reads over. Names have their quotes.
func (w *walker) object(each func(name []byte)) {
	if w.kind() != '{' {
		w.value()
		return
	}
	for w.token(); w.err == nil && w.kind() != '}'; {
		name := w.value()
		each(name)
	}
	w.token()
}

// array calls each for every element of the next value, which has to read it. Another value than an array is read
// as one element; null is none.
func (w *walker) array(each func()) {
	switch w.kind() {
	case 'n':
		w.value()
		return
	case '[':
	default:
		each()
		return
	}
	for w.token(); w.err == nil && w.kind() != ']'; {
		each()
	}
	w.token()
}

// within walks through a value that was read before.
func within(value []byte, walk func(w *walker)) {
	if len(value) == 0 {
		return
	}
	var w walker
	w.over(value)
	walk(&w)
}

func kindOf(value []byte) jsontext.Kind { return jsontext.Value(value).Kind() }

// textOf is a string, or a number as a text; "" for anything else.
func textOf(value []byte) string {
	switch kindOf(value) {
	case '"':
		if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
			return string(inner) // as nearly all are
		}
		text, _ := jsontext.AppendUnquote(nil, value)
		return string(text)
	case '0':
		return string(value)
	}
	return ""
}

// numberOf is a number that is an integer, a fraction or a string.
func numberOf(value []byte) (n float64, ok bool) {
	n, err := strconv.ParseFloat(textOf(value), 64)
	return n, err == nil && !math.IsNaN(n)
}

// mend makes JSON of what some servers write in its place: NaN and infinities in the place of numbers, and control
// characters within strings that should be escaped.
func mend(text []byte) []byte {
	out := make([]byte, 0, len(text)+64)
	quoted := false
	for i := 0; i < len(text); i++ {
		b := text[i]
		switch {
		case quoted && b == '\\' && i+1 < len(text):
			out = append(out, b)
			i++
			b = text[i]
		case b == '"':
			quoted = !quoted
		case quoted && b < ' ':
			const hex = "0123456789abcdef"
			out = append(out, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
			continue
		case !quoted && (b == 'N' || b == 'I' || b == '-'):
			if word := wordAt(text[i:]); word > 0 {
				out = append(out, "null"...)
				i += word - 1
				continue
			}
		}
		out = append(out, b)
	}
	return out
}

// wordAt is the length of the word for a number that JSON does not know at the start of text; 0 for none.
func wordAt(text []byte) int {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(text, []byte(word)) {
			return len(word)
		}
	}
	return 0
}
