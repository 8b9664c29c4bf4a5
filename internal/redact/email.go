package redact

import "strings"

const (
	maxLocal  = 64  // RFC 5321, section 4.5.3.1.1
	maxDomain = 255 // section 4.5.3.1.2
)

// findEmail finds addresses of mail, also with their @ escaped as %40, as URLs and forms have it.
func findEmail(text string, from int) (start, end int) {
	for at := from; at < len(text); at++ {
		width := 0
		switch text[at] {
		case '@':
			width = 1
		case '%':
			if strings.HasPrefix(text[at:], "%40") {
				width = 3
			}
		}
		if width == 0 {
			next := strings.IndexAny(text[at+1:], "@%")
			if next < 0 {
				return -1, -1
			}
			at += next
			continue
		}
		start = localPart(text, from, at)
		if end = domain(text, at+width); start < at && end > 0 {
			return start, end
		}
	}
	return -1, -1
}

// localPart returns where the part of an address begins that stands before at.
func localPart(text string, from, at int) int {
	start := at
	for start > from && at-start < maxLocal && isLocal(text[start-1]) {
		start--
	}
	for start < at && (text[start] == '.' || text[start] == '\'' || text[start] == '%' || text[start] == '-') {
		start++
	}
	return start
}

func isLocal(c byte) bool {
	return isWord(c) || c >= 0x80 || strings.IndexByte(".+-%'~", c) >= 0
}

// domain returns where the domain that begins at i ends; 0 where none begins there. Its last part has letters only.
func domain(text string, i int) int {
	end := i
	for end < len(text) && end-i <= maxDomain &&
		(isWord(text[end]) || text[end] >= 0x80 || text[end] == '.' || text[end] == '-') {
		end++
	}
	name := strings.TrimRight(text[i:end], ".-_")
	dot := strings.LastIndexByte(name, '.')
	if dot < 1 || strings.Contains(name, "..") {
		return 0
	}
	last := name[dot+1:]
	if len(last) < 2 && (last == "" || last[0] < 0x80) {
		return 0
	}
	for j := range len(last) {
		if c := last[j]; !isLetter(c) && c < 0x80 && c != '-' && !isDigit(c) {
			return 0
		}
	}
	if isDigit(last[0]) || last[0] == '-' { // a version, such as package@1.2.3
		return 0
	}
	if name[:dot] == "2x" || name[:dot] == "3x" { // icon@2x.png
		return 0
	}
	return i + len(name)
}
