package completion

import "strings"

// textBlock is when a text that comes in pieces gets another block.
const textBlock = 256 << 10

// longText is put together from pieces. A long one is kept in blocks until its end: a single buffer would be copied
// to a larger one again and again.
type longText struct {
	full []string
	last strings.Builder
}

func (t *longText) WriteString(piece string) {
	if len(piece) >= textBlock { // it is a block by itself, which is not copied
		t.cut()
		t.full = append(t.full, piece)
		return
	}
	t.last.WriteString(piece)
	if t.last.Len() >= textBlock {
		t.cut()
		t.last.Grow(textBlock + textBlock/8)
	}
}

// cut begins another block.
func (t *longText) cut() {
	if t.last.Len() > 0 {
		t.full = append(t.full, t.last.String())
		t.last.Reset()
	}
}

// String returns all of it.
func (t *longText) String() string {
	switch {
	case len(t.full) == 0:
		return t.last.String()
	case len(t.full) == 1 && t.last.Len() == 0:
		return t.full[0]
	}
	return strings.Join(append(t.full, t.last.String()), "")
}
