package markdown

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Dialect is how one kind of receiver marks a text up.
type Dialect struct {
	// Measure is the length of a text as the receiver counts it.
	Measure func(string) int

	escape  func(string) string // of a text, which then is shown as it is
	inCode  func(string) string // a span of code
	pre     func(string) string // a block of code
	link    func(written, plain, url string) string
	heading func(level int, written string) string

	strong, emphasis, strike [2]string
	quote, bullet, point     string
	rule                     string
	silence                  func(string) string // has nobody called; nil is silent
	indent                   string              // of a list in a list; empty is two spaces
	references               *regexp.Regexp      // what its receiver would read as a reference; nil where it reads none
	tables                   bool                // it has tables of its own
	// it has no marks: code is text like any other, and a link shows its URL
	unmarked bool
}

// code writes a span of code. In it nobody is called, so that its @ stays, which silence puts back.
func (w *writer) code(text string) string {
	written := w.inCode(text)
	if !w.unmarked {
		written = strings.ReplaceAll(written, "@", keptAt)
	}
	return written
}

// keptAt stands for an @ that calls nobody where it is. No text has it: Clean takes it out.
const keptAt = "\x01"

func same(text string) string                  { return text }
func sameHeading(_ int, written string) string { return written }
func size8(text string) int                    { return len(text) }
func isItsURL(plain, url string) bool {
	return strings.TrimSuffix(plain, "/") == strings.TrimSuffix(url, "/")
}

// runes16 counts the UTF-16 units of a text, without making them.
func runes16(text string) (n int) {
	for i := 0; ; i++ {
		if i == len(text) {
			return i
		}
		if text[i] >= utf8.RuneSelf {
			n, text = i, text[i:]
			break
		}
	}
	for _, r := range text {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}

func strongHeading(d *[2]string) func(int, string) string {
	return func(_ int, written string) string { return marked(*d, written) }
}

// Slack is mrkdwn (docs.slack.dev, Formatting message text).
var Slack = &Dialect{
	Measure: runes16, escape: slackText.Replace,
	inCode: func(code string) string { return "`" + slackText.Replace(strings.ReplaceAll(code, "`", "'")) + "`" },
	pre: func(code string) string {
		return "```\n" + slackText.Replace(strings.ReplaceAll(code, "```", "'''")) + "\n```"
	},
	link: func(written, plain, url string) string {
		url = strings.ReplaceAll(url, "&", "&amp;")
		if isItsURL(plain, url) {
			return "<" + url + ">"
		}
		return "<" + url + "|" + oneLine(written) + ">"
	},
	heading: strongHeading(&[2]string{"*", "*"}),
	strong:  [2]string{"*", "*"}, emphasis: [2]string{"_", "_"}, strike: [2]string{"~", "~"},
	quote: "> ", bullet: "• ", point: ".", rule: "———",
}

var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// GoogleChat is the text of its messages (developers.google.com/workspace/chat/format-messages). It has no escapes:
// what would begin a link or call somebody gets another bracket.
var GoogleChat = &Dialect{
	Measure: size8, escape: googleText,
	inCode: func(code string) string { return "`" + googleText(strings.ReplaceAll(code, "`", "'")) + "`" },
	pre: func(code string) string {
		return "```\n" + googleText(strings.ReplaceAll(code, "```", "'''")) + "\n```"
	},
	link: func(written, plain, url string) string {
		if isItsURL(plain, url) {
			return url
		}
		return "<" + url + "|" + endsOfLink.Replace(oneLine(written)) + ">"
	},
	heading: strongHeading(&[2]string{"*", "*"}),
	strong:  [2]string{"*", "*"}, emphasis: [2]string{"_", "_"}, strike: [2]string{"~", "~"},
	quote: "> ", bullet: "• ", point: ".", rule: "———",
}

var (
	opening    = regexp.MustCompile(`<(\S)`)
	endsOfLink = strings.NewReplacer(">", "›", "|", "¦")
)

func googleText(text string) string {
	if strings.IndexByte(text, '<') < 0 {
		return text
	}
	return opening.ReplaceAllString(text, "‹$1")
}

// Telegram is the HTML of its Bot API (core.telegram.org/bots/api#html-style).
var Telegram = &Dialect{
	Measure: runes16, escape: slackText.Replace,
	inCode: func(code string) string { return "<code>" + slackText.Replace(code) + "</code>" },
	pre:    func(code string) string { return "<pre>" + slackText.Replace(code) + "</pre>" },
	link: func(written, _, url string) string {
		return `<a href="` + strings.ReplaceAll(url, "&", "&amp;") + `">` + written + "</a>"
	},
	heading: strongHeading(&[2]string{"<b>", "</b>"}),
	strong:  [2]string{"<b>", "</b>"}, emphasis: [2]string{"<i>", "</i>"}, strike: [2]string{"<s>", "</s>"},
	quote: "│ ", bullet: "• ", point: ".", rule: "———",
}

// Discord is its Markdown: no tables.
var Discord = &Dialect{
	Measure: runes16, escape: escapeMarkdown,
	inCode:  func(code string) string { return "`" + strings.ReplaceAll(code, "`", "'") + "`" },
	pre:     func(code string) string { return "```\n" + strings.ReplaceAll(code, "```", "'''") + "\n```" },
	link:    markdownLink,
	heading: strongHeading(&[2]string{"**", "**"}),
	strong:  [2]string{"**", "**"}, emphasis: [2]string{"*", "*"}, strike: [2]string{"~~", "~~"},
	quote: "> ", bullet: "- ", point: ".", rule: "———",
}

// Mattermost is Markdown with tables, as Mattermost shows it.
var Mattermost = &Dialect{
	Measure: runes16, escape: escapeMarkdown,
	inCode:  fencedSpan,
	pre:     fenced,
	link:    markdownLink,
	heading: func(level int, written string) string { return strings.Repeat("#", min(level+2, 6)) + " " + written },
	strong:  [2]string{"**", "**"}, emphasis: [2]string{"*", "*"}, strike: [2]string{"~~", "~~"},
	quote: "> ", bullet: "- ", point: ".", rule: "---", tables: true,
}

// Card is the text of an Adaptive Card (learn.microsoft.com, Text features): emphasis, lists and links, and no
// more. A block of code is for an element of its own.
var Card = &Dialect{
	Measure: size8, escape: escapeMarkdown,
	inCode:  escapeMarkdown,
	pre:     same,
	link:    markdownLink,
	heading: sameHeading,
	strong:  [2]string{"**", "**"}, emphasis: [2]string{"_", "_"},
	bullet: "- ", point: ".", rule: "———",
}

// Plain is text without marks.
var Plain = &Dialect{
	Measure: size8, escape: same, inCode: same, pre: same,
	link: func(written, plain, url string) string {
		if isItsURL(plain, url) {
			return url
		}
		return written + " (" + url + ")"
	},
	heading: sameHeading, quote: "> ", bullet: "• ", point: ".", rule: "———", unmarked: true,
}

func markdownLink(written, plain, url string) string {
	if isItsURL(plain, url) {
		return "<" + url + ">"
	}
	return "[" + oneLine(written) + "](" + url + ")"
}

var (
	special = strings.NewReplacer(`\`,
		`\\`, "`", "\\`", "*", `\*`, "_", `\_`, "~", `\~`, "[", `\[`, "]", `\]`, "<", `\<`,
		">", `\>`, "|", `\|`, "#", `\#`)
	entity    = regexp.MustCompile(`&([A-Za-z#])`)
	lineBegin = regexp.MustCompile(`(?m)^([ \t]*)([-+=]|\d+[.)])`)
)

// escapeMarkdown has a text shown as it is in Markdown.
func escapeMarkdown(text string) string {
	text = special.Replace(text)
	if strings.IndexByte(text, '&') >= 0 {
		text = entity.ReplaceAllString(text, `\&$1`)
	}
	if !mayBeginList(text) {
		return text
	}
	return lineBegin.ReplaceAllStringFunc(text, func(begin string) string {
		last := len(begin) - 1
		return begin[:last] + `\` + begin[last:]
	})
}

// mayBeginList reports whether a line of a text begins with what lineBegin looks for. Few do.
func mayBeginList(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimLeft(line, " \t")
		if rest := strings.TrimLeft(line, "0123456789"); rest != line {
			if rest != "" && (rest[0] == '.' || rest[0] == ')') {
				return true
			}
		} else if line != "" && strings.IndexByte("-+=", line[0]) >= 0 {
			return true
		}
	}
	return false
}

// fenced puts a fence around code that is longer than any in it.
func fenced(code string) string {
	fence := "```"
	for strings.Contains(code, fence) {
		fence += "`"
	}
	return fence + "\n" + code + "\n" + fence
}

func fencedSpan(code string) string {
	fence := "`"
	for strings.Contains(code, fence) {
		fence += "`"
	}
	if len(fence) > 1 || strings.TrimSpace(code) != code {
		return fence + " " + code + " " + fence
	}
	return fence + code + fence
}

// Escape returns Markdown that shows a text as it is.
func Escape(text string) string { return escapeMarkdown(Clean(text)) }

// Text writes a text as it is.
func (d *Dialect) Text(text string) string { return d.silent(d.escape(Clean(text))) }

// silent has nobody called by what is written.
func (d *Dialect) silent(written string) string {
	if d.silence != nil {
		return d.silence(written)
	}
	return silent(written)
}

// Strong writes a text as it is, in bold letters.
func (d *Dialect) Strong(text string) string { return marked(d.strong, d.Text(text)) }

// Link writes a link of our own; the text alone where the URL leads nowhere.
func (d *Dialect) Link(text, url string) string {
	url, _, ok := SafeURL(url)
	if !ok {
		return d.Text(text)
	}
	return d.link(d.Text(text), text, url)
}
