package redact

import (
	"strconv"
	"strings"
)

// plainEscapes are the escapes of JSON but for those of code points.
var plainEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escapedTimes returns how often a text has to be unescaped until no escape is left, or more than maxNested.
func escapedTimes(text string) (times int) {
	for ; times <= maxNested && strings.IndexByte(text, '\\') >= 0; times++ {
		next, _ := unescapedOnce(text)
		if len(next) == len(text) {
			break
		}
		text = next
	}
	return times
}

// unescaped reads the escapes of JSON in a text so many times. at says where a byte of what was read begins in the
// text; that of its end is the end of the text.
func unescaped(text string, times int) (read string, at func(i int) int) {
	read = text
	var places []int32 // nil is as it is
	for range times {
		next, from := unescapedOnce(read)
		if places != nil {
			for i := range from {
				from[i] = places[from[i]]
			}
		}
		read, places = next, from
	}
	return read, func(i int) int { return int(places[i]) }
}

// unescapedOnce reads each escape once. Code points beyond ASCII stay as they are: nothing that is looked for has any.
func unescapedOnce(text string) (read string, places []int32) {
	var b strings.Builder
	b.Grow(len(text))
	places = make([]int32, 0, len(text)+1)
	for i := 0; i < len(text); {
		c, length := text[i], 1
		if c == '\\' && i+1 < len(text) {
			c, length = escapeAt(text[i:])
		}
		b.WriteByte(c)
		places = append(places, int32(i))
		i += length
	}
	return b.String(), append(places, int32(len(text)))
}

// escapeAt reads the escape at the beginning of a text, of which there are two bytes at least. One that is none is
// a backslash.
func escapeAt(text string) (c byte, length int) {
	if c, ok := plainEscapes[text[1]]; ok {
		return c, 2
	}
	if text[1] == 'u' && len(text) >= 6 {
		if n, err := strconv.ParseUint(text[2:6], 16, 16); err == nil && n < 0x80 {
			return byte(n), 6
		}
	}
	return '\\', 1
}
