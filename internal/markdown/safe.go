package markdown

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Clean takes out of a text what nobody sees: zero-width and control characters, and those that turn its direction,
// but for line ends and tabs. What joins the parts of an emoji stays.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	var b strings.Builder
	before := rune(0)
	for i, r := range s {
		if r == '\u200D' {
			after, _ := utf8.DecodeRuneInString(s[i+len("\u200D"):])
			if !isEmoji(before) || !isEmoji(after) {
				continue
			}
		} else if isUnseen(r) {
			continue
		}
		b.WriteRune(r)
		before = r
	}
	return b.String()
}

// isClean reports whether there is nothing in a text to take out. There is not in most.
func isClean(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' && c != '\n' && c != '\t' || c == 0x7F {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || isUnseen(r) {
			return false
		}
		i += size
	}
	return true
}

func isUnseen(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ' || r >= 0x7F && r < 0xA0:
		return true
	case r < 0xAD:
		return false
	}
	return unicode.Is(unicode.Cf, r) || r == '\u034F' || r == '\u115F' || r == '\u1160' || r == '\u3164' ||
		r == '\uFFA0' || r == '\u2028' || r == '\u2029'
}

func isEmoji(r rune) bool {
	return r == '\uFE0F' || unicode.Is(unicode.So, r) || r >= 0x1F3FB && r <= 0x1F3FF
}

// SafeURL returns a URL that may be opened, with nothing in it that ends a link in any dialect, and the host that
// it leads to, or the address that a mail goes to.
func SafeURL(raw string) (written, host string, ok bool) {
	if host = plainHost(raw); host != "" {
		return raw, host, true
	}
	u, err := url.Parse(strings.TrimSpace(Clean(raw)))
	if err != nil {
		return "", "", false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		if host = strings.ToLower(u.Hostname()); host == "" {
			return "", "", false
		}
		host = inASCII(host)
	case "mailto":
		if host = strings.ToLower(u.Opaque); host == "" {
			return "", "", false
		}
	default:
		return "", "", false
	}
	if u.User = nil; u.Scheme == "mailto" {
		return escapeURL.Replace(u.String()), host, true
	}
	return strings.ReplaceAll(escapeURL.Replace(u.String()), "@", "%40"), host, true
}

// plainHost is the host of a URL of which nothing is written in another way; empty where that has to be found out.
// Most are like it.
func plainHost(raw string) string {
	rest, found := strings.CutPrefix(raw, "https://")
	if !found {
		if rest, found = strings.CutPrefix(raw, "http://"); !found {
			return ""
		}
	}
	path := strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz0123456789.-")
	host := rest[:len(rest)-len(path)]
	if port, found := strings.CutPrefix(path, ":"); found {
		if path = strings.TrimLeft(port, "0123456789"); path == port {
			return ""
		}
	}
	if path != "" && path[0] != '/' {
		return ""
	}
	before, fragment, found := strings.Cut(path, "#")
	if !isPlainPath(before) || found && (fragment == "" || !isPlainPath(fragment)) {
		return ""
	}
	return host
}

func isPlainPath(path string) bool {
	for i := range len(path) {
		if c := path[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') &&
			strings.IndexByte("/._~-=&+,:;?", c) < 0 {
			return false
		}
	}
	return true
}

var escapeURL = strings.NewReplacer("<",
	"%3C", ">", "%3E", "|", "%7C", `"`, "%22", "'", "%27", "(", "%28", ")", "%29", "`", "%60", `\`, "%5C",
	" ", "%20", "\n", "", "\t", "",
	"*", "%2A", "[", "%5B", "]", "%5D", "{", "%7B", "}", "%7D")

// inASCII is a host as look-ups have it, where it can be written so.
func inASCII(host string) string {
	if strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" {
		return host
	}
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		return ascii
	}
	return host
}

var hostLike = lazily(`(?:[\p{L}\p{N}_-]+[.。．｡])+[\p{L}\p{N}-]+`)

// looksElsewhere reports whether the text of a link names a host, and not the one that the link leads to.
func looksElsewhere(text, host string) bool {
	if _, domain, isMail := strings.Cut(host, "@"); isMail {
		host = domain
	}
	if !strings.ContainsAny(text, ".。．｡") {
		return false
	}
	host = strings.TrimPrefix(host, "www.")
	for _, name := range hostLike().FindAllString(text, 8) {
		name = strings.Trim(strings.ToLower(dots.Replace(name)), "-_")
		last := name[strings.LastIndexByte(name, '.')+1:]
		isName := len(last) > 1 && strings.Trim(last, "0123456789") != ""
		if !isName && strings.Count(name, ".") != 3 {
			continue // a version, a number
		}
		name = inASCII(name)
		if name = strings.TrimPrefix(name, "www."); name != host && !strings.HasSuffix(host, "."+name) {
			return !slices.Contains([]string{"e.g", "i.e"}, name)
		}
		return false // what follows is the rest of a URL
	}
	return false
}

// lazily compiles an expression when it is first needed.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

var dots = strings.NewReplacer("。", ".", "．", ".", "｡", ".")

// mention finds where chats would call somebody: an @ at the beginning of a word.
var (
	mention   = lazily(`(^|[^\p{L}\p{N}_.@/-])@([\p{L}\p{N}_])`)
	broadcast = lazily(`(?i)(^|[^\p{L}\p{N}])@(channel|here|everyone|all|group)\b`)
)

// atSign looks like an @, and calls nobody.
const atSign = "＠"

// silent has nobody called.
func silent(s string) string {
	if strings.IndexByte(s, '@') < 0 {
		return s
	}
	s = broadcast().ReplaceAllString(s, "${1}"+atSign+"$2")
	return mention().ReplaceAllString(s, "${1}"+atSign+"$2")
}
