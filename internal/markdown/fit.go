package markdown

import "strings"

// Fit writes a text in at most limit, as the dialect measures it. Where there is more it ends at a paragraph with
// more, which is written already; one paragraph that is too long ends at a word or a line.
func (d *Dialect) Fit(source string, limit int, more string) (written string, cut bool) {
	return d.Join(d.Blocks(source, d.Enough(limit)), limit, more)
}

// Enough is how much of a source says all that is shown within a limit: marks and references take more than what
// they stand for.
func (d *Dialect) Enough(limit int) int { return 4*limit + 1024 }

// Join writes blocks as Fit does.
func (d *Dialect) Join(blocks []Block, limit int, more string) (written string, cut bool) {
	var b strings.Builder
	if d.JoinBelow(&b, blocks, limit, more) {
		return strings.TrimSpace(b.String()), true
	}
	return b.String(), false
}

// JoinBelow is Join, below what is in b already.
func (d *Dialect) JoinBelow(b *strings.Builder, blocks []Block, limit int, more string) (cut bool) {
	begin := b.Len()
	b.Grow(d.Size(blocks, limit) + len("\n\n") + len(more))
	used, room := 0, limit-len("\n\n")-d.Measure(more)
	for i, block := range blocks {
		between := separator(b.Len() > begin, block)
		size := len(between) + d.Measure(block.Text)
		last := i+1 == len(blocks)
		if used+size > limit || !last && used+size > room && !d.restFits(blocks[i:], limit-used) {
			if left := limit - used - d.Measure("\n\n\n\n"+more); left > limit/2 {
				b.WriteString(between + d.head(block, left))
			}
			b.WriteString("\n\n" + more)
			return true
		}
		b.WriteString(between)
		b.WriteString(block.Text)
		used += size
	}
	return false
}

// Size is about how many bytes blocks take up within a limit.
func (d *Dialect) Size(blocks []Block, limit int) (size int) {
	for _, block := range blocks {
		size += len(block.Text) + len("\n\n")
	}
	return min(size, 4*max(limit, 0))
}

func (d *Dialect) restFits(blocks []Block, room int) bool {
	for _, block := range blocks {
		if room -= len(separator(true, block)) + d.Measure(block.Text); room < 0 {
			return false
		}
	}
	return true
}

// Separator is what stands between the block and the one before it.
func (b Block) Separator() string { return separator(true, b) }

func separator(between bool, b Block) string {
	switch {
	case !between:
		return ""
	case b.tight:
		return "\n"
	}
	return "\n\n"
}

// head is the beginning of a block that fits.
func (d *Dialect) head(b Block, limit int) string {
	pieces := d.Pieces(b, limit, 1)
	if len(pieces) == 0 {
		return ""
	}
	return pieces[0]
}

// Pieces returns a block as at most so many texts that each fit into limit. Where it has to be divided, a text
// loses its marks.
func (d *Dialect) Pieces(b Block, limit, most int) (pieces []string) {
	if d.Measure(b.Text) <= limit {
		return []string{b.Text}
	}
	write, plain := d.Text, b.Plain()
	if b.Code {
		write = d.pre
	}
	for plain != "" && len(pieces) < most {
		n := min(len(plain), 4*limit)
		for n > 0 {
			n = cutAt(plain, n)
			if size := d.Measure(write(plain[:n])); size <= limit {
				break
			} else if smaller := n * limit / size; smaller < n {
				n = smaller
			} else {
				n--
			}
		}
		if n == 0 {
			break
		}
		pieces = append(pieces, write(strings.TrimRight(plain[:n], " \n")))
		plain = strings.TrimLeft(plain[n:], " \n")
	}
	return pieces
}

// cutAt is where a text may end that has at most so many bytes: at a line, a word, or a character.
func cutAt(text string, n int) int {
	if n >= len(text) {
		return len(text)
	}
	for n > 0 && text[n]&0xC0 == 0x80 {
		n--
	}
	for _, end := range []string{"\n", " "} {
		if i := strings.LastIndex(text[:n], end); i > n/2 {
			return i
		}
	}
	return n
}
