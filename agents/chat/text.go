package chat

import "strings"

// textBlock is when a text that comes in pieces gets another block.
const textBlock = 256 << 10

// longText is put together from pieces. A long one is kept in blocks until its end: a single buffer would be copied to a larger
// one again and again.
type longText struct {
	full []string
	last strings.Builder
}

func (t *longText) WriteString(piece string) {
	t.last.WriteString(piece)
	if t.last.Len() >= textBlock {
		t.full = append(t.full, t.last.String())
		t.last.Reset()
		t.last.Grow(textBlock + textBlock/8)
	}
}

// String returns all of it.
func (t *longText) String() string {
	if len(t.full) == 0 {
		return t.last.String()
	}
	return strings.Join(append(t.full, t.last.String()), "")
}
