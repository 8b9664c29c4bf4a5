package markdown

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark/text"
)

// common are texts that the fast path reads.
var common = []string{
	"one line", "two\nlines", "a\n\nb", "\n\na\n\n\n", "# Heading", "###### Six", "# *x* and `y`\ntext", "text\n# Heading\ntext", "a `code` b", "`code`\n`more`", "**bold** and *emphasis*", "**a *b* c**", "*a **b** c*", "**bold**, (*it*) „**x**“", "a * b ** c", "2 * 3", "analytics_old and a_b_c",
	"[text](https://a.example)", "[**a** `b`](https://a.example/x?y=1#z)", "**[a](https://a.example)**", "[a](mailto:x)", "[a](javascript:alert)", "[a](/rel)", "[docs.example](https://evil.example/x)",
	"- a\n- b", "* a\n* b", "+ a", "- a\n\n- b\n- c", "- a\n  more\n- b", "1. a\n2. b", "3) a\n4) b", "1. a\n\n2. b", "What:\n- a\n- b\n\nThen:\n1. x\n2. y\n", "- a\n\n* b", "- a\n# H", "- a\n```\nx\n```", "10. a\n    more\n11. b", "- **bold**: x\n- `code`: y",
	"```\ncode\n```", "```go\nfunc x() {\n\treturn \"<&>\"\n}\n\n```\nafter", "```\n```", "text\n```c++\nx\n```\ntext", "a < b, x <5, <= 3, c > d | e", "in ~5 minutes, about ~10", "Hi! 1.5 GB, 2026 was", "3.14", "ü ö — „x“", "emoji 🎉 *x*🎉", "a\u00a0*b*", "x\n\u00a0y", "\"quoted\" 'single'", "?", "(a)",
}

// other are texts that it leaves to goldmark, and what is bad for a parser.
var other = []string{
	"- a\n  - b", "- a\nlazy", "> quote", "a  \nb", "a\\\nb", "\\*x\\*", "a | b\n--|--\n1 | 2", "a\n:-:", "a\n===", "a\n---", "---", "***", "* * *", "- - -", "- # h", "- > q", "- ```\n  x\n  ```", "- [ ] task", "- [x](https://a.example)", "1. [x] a", "***a***", "**a*", "*a **b*", "*a*b", "a*b*c", "** **", "****",
	"`a", "``a``", "` a `", "`a\nb`", "`a``b`", "[a]", "[a][b]", "[a]: /url", "[a]\n\n[a]: /url", "[a\nb](https://a.example)", "[a](<x>)", "[a](x \"t\")", "[a]()", "[](x)", "[[a](x)](y)", "*[a*](x)", "[*a](x)*", "![i](x)", "a ![i](x)", "!", "<b>x</b>", "<div>\nx\n</div>", "<https://a.example>", "https://a.example", "www.a.example", "a@b.example",
	"~~x~~", "~5 ~x~", "_x_", "__x__", "_", "#", "#x", "# ", "#  x", "# x #", "####### x", "~~~\nx\n~~~", "```\nopen", "````\nx\n````", "```a b\nx\n```", "```\nx\n  ```", "```\nx\n``` y", "``` go\nx\n```", "    code", "\tcode", " a", "a ", "a\n b", "a\n", "1.", "-", "- ", "-  a", "1.  a", "a\n2. b", "a\n- b", "- a\n1. b", "1234567890. a", "0. a", "01. a", "a\r\nb", "\x00", "a\tb", "&lt;b&gt; &copy; R&D", "*&amp;*",
	"-a", "+", "=", "a\n=", "|", "%", "^x", "a ^ b", "{x}", "a {x}", "`<`", "*`a*`*", "[`](x)`", "**a\nb**", "* a*", "*a *", "*\ta*", "a*\n*b", "* *", "**a** **b**", "*(a)*b", "a*(b)*", "!*a*!", "\u202ertl*\u202e*", "a\u200bb", "*\u200b*", "*ü*ö", "**ü**ö", "„*x*“", "€*x*€",
	"# a\n\n- b\n\n\n\n- c\n\n1. d\n\n```\n\n```\n\n# e", "- a\n\n  b", "- a\n\n      b", "- a\n   b", "- a\n b", "1. a\n  b", "1. a\n   b\n   c\n\nd", strings.Repeat("- ", 50) + "a", strings.Repeat("*a ", 50), strings.Repeat("[", 50), strings.Repeat("`", 50), strings.Repeat("*", 50) + "a", strings.Repeat("a*", 50),
	"Look at `x`: **y** — see [z](https://z.example/a-b_c?d=e%20f), ok?\n", "a\u2028b", "a\x0bb", "a\x0cb", "\ufeff# x", "*\u3000a*", "a\u00ad*b*", "- \u00a0", "# \u00a0", "\u00a0", "`\u00a0`", "[\u00a0](x)", "<!-- x -->", "a <!here> b", "&#64;here",
}

// FuzzFastPathEqualsGoldmark holds that what the fast path reads is what goldmark reads, node by node.
func FuzzFastPathEqualsGoldmark(f *testing.F) {
	for _, source := range append(append([]string{}, common...), other...) {
		f.Add(source)
	}
	f.Fuzz(equalsGoldmark)
}

func equalsGoldmark(t *testing.T, source string) {
	source = shallow(Clean(source))
	fast := parseFast(source)
	if _, bare := findLinks(source); fast == nil || bare {
		return
	}
	bytes := []byte(source)
	require.Equal(t, treeOf(forDialects.withoutBare.Parse(text.NewReader(bytes)), source, bytes), fast, "%q", source)
	if fast.has("http") {
		return
	}
	for r, showsHosts := range map[*reader]bool{&forPages: false, &forMails: true} {
		if html, ok := fastHTML(fast, source, showsHosts); ok {
			require.Equal(t, string(renderHTML(r.withoutBare.Parse(text.NewReader(bytes)), bytes)), string(html), "%q", source)
		}
	}
}

func TestCommonMarkdownTakesTheFastPath(t *testing.T) {
	for _, source := range common {
		require.NotNil(t, parseFast(source), source)
		equalsGoldmark(t, source)
	}
	read := 0
	for _, source := range other {
		equalsGoldmark(t, source)
		if parseFast(source) != nil {
			read++
		}
	}
	require.Less(t, read, len(other)/3)
}

// Every beginning of our own documentation is read the same, too.
func TestFastPathReadsDocumentsAsGoldmark(t *testing.T) {
	files, err := filepath.Glob("../../docs/decisions/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files[:4] {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for paragraph := range strings.SplitSeq(string(source), "\n\n") {
			equalsGoldmark(t, paragraph)
			for end := 1; end < min(len(paragraph), 120); end++ {
				equalsGoldmark(t, paragraph[:end])
			}
		}
	}
}

// What writes a text is used again for other texts, by many at once.
func TestTextsAreWrittenAtOnce(t *testing.T) {
	var each sync.WaitGroup
	for _, d := range []*Dialect{Slack, Telegram, Plain, GitHub} {
		for _, source := range common {
			want := d.Blocks(source, 1000)
			each.Go(func() {
				for range 50 {
					assert.Equal(t, want, d.Blocks(source, 1000))
				}
			})
		}
	}
	each.Wait()
}
