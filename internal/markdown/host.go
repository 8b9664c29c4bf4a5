package markdown

import (
	"regexp"
	"strings"
)

// GitHub is Markdown as GitHub, Gitea and Forgejo show it in comments, and GitLab's as GitLab does. What they would
// read besides is not in it: names after an @, references to issues and changes, which leave a note there, and
// lines that begin with a command.
var (
	GitHub = hosted(references)
	GitLab = hosted(referencesOfGitLab)
)

func hosted(references *regexp.Regexp) *Dialect {
	d := *Mattermost
	d.escape = func(text string) string {
		if text = escapeMarkdown(text); mayBeginCommand(text) {
			text = command.ReplaceAllString(text, `${1}\/`)
		}
		if !mayRefer(text) {
			return text
		}
		return references.ReplaceAllStringFunc(text, look.Replace)
	}
	d.inCode = func(code string) string { return fencedSpan(strings.ReplaceAll(code, "\n", " ")) }
	d.pre = func(code string) string {
		if mayBeginCommand(code) {
			code = commandInCode.ReplaceAllString(code, " $0")
		}
		return fenced(code)
	}
	d.references, d.silence = references, quiet
	d.indent = "    " // below "- ", "1. " and "10. " alike
	return &d
}

// A reference is a mark before a number. The hosts look for them in the page that they make of Markdown: an escape
// does not help.
var (
	references         = regexp.MustCompile(`\\?#[0-9]|(?i:\bGH)-[0-9]`)
	referencesOfGitLab = regexp.MustCompile(`\\?[#!&][0-9]|(?i:\bGL)-[0-9]`)
	lastMark           = regexp.MustCompile(`\\?[#!&-]$`)
)

// mayRefer reports whether a text has a mark before a digit. Few have.
func mayRefer(text string) bool {
	for i := 1; i < len(text); i++ {
		if text[i] >= '0' && text[i] <= '9' && strings.IndexByte("#!&-", text[i-1]) >= 0 {
			return true
		}
	}
	return false
}

// look has the marks of references look the same, and mean nothing.
var look = strings.NewReplacer(`\`, "", "#", "＃", "!", "！", "&", "＆", "-", "‑")

// endsApart has a text end without a mark: what follows it is taken out, and a number may stand behind that.
func (d *Dialect) endsApart(written string) string {
	if d.references == nil {
		return written
	}
	return lastMark.ReplaceAllStringFunc(written, look.Replace)
}

// Commands: /close and /merge of GitLab, /lgtm of robots that read comments.
var (
	command       = regexp.MustCompile(`(?m)^([ \t]*)/`)
	commandInCode = regexp.MustCompile(`(?m)^/[A-Za-z_-]+([ \t\r]|$)`)
)

// mayBeginCommand reports whether a line of a text begins with a slash. Few do.
func mayBeginCommand(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimLeft(line, " \t"), "/") {
			return true
		}
	}
	return false
}

// called is an @ that the hosts may read as the beginning of a name: one behind anything but a letter or digit of
// ASCII.
var called = regexp.MustCompile(`(^|[^A-Za-z0-9_])@`)

func quiet(s string) string {
	for strings.IndexByte(s, '@') >= 0 { // @@ is found one at a time
		next := called.ReplaceAllString(s, "${1}"+atSign)
		if next == s {
			return s
		}
		s = next
	}
	return s
}
