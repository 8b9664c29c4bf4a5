package findings

import (
	"fmt"
	"strings"
)

// Markdown writes an answer as Markdown of GitHub and GitLab: the verdict, the summary and a table. An answer
// without findings is its own text, below the verdict.
func Markdown(a Answer) []byte {
	var b strings.Builder
	if a.Verdict != "" {
		fmt.Fprintf(&b, "**Gate: %s.** %s\n\n", a.Verdict, plain(a.Reason))
	}
	switch {
	case a.Failure != "":
		fmt.Fprintf(&b, "**There is no answer.** %s\n", plain(a.Failure))
	case !a.HasReport:
		b.WriteString(a.Text)
	default:
		a.Report.writeMarkdown(&b)
	}
	return []byte(b.String())
}

func (r Report) writeMarkdown(b *strings.Builder) {
	if r.Summary != "" {
		for line := range strings.Lines(strings.TrimSpace(r.Summary)) {
			b.WriteString(plain(strings.TrimSpace(line)) + "\n")
		}
		b.WriteString("\n")
	}
	if len(r.Findings) == 0 {
		b.WriteString("No findings.\n")
		return
	}
	b.WriteString("| Severity | Finding | Where |\n|---|---|---|\n")
	for _, f := range r.Findings {
		what := "**" + plain(f.Title) + "**"
		if f.Detail != "" {
			what += "<br>" + plain(f.Detail)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", f.severity(), what, plain(f.place()))
	}
}

// place is the file with its line: "cart/total.go:14"; empty where it is about no file.
func (f Finding) place() string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return f.File
}

// markdownMarks are what would make something of a text in Markdown. A word joiner, which is not seen, keeps a
// mention from being one, and an address from becoming a link.
var markdownMarks = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "#", `\#`,
	"~", `\~`, "!", `\!`, "$", `\$`,
	"<", "&lt;", ">", "&gt;", "&", "&amp;", "@", "@\u2060", "://", ":\u2060//", "www.", "www\u2060.")

// plain writes a text on one line so that Markdown shows it as it is.
func plain(text string) string {
	text = visible(text)
	if !strings.ContainsAny(text, "\\`*_[]|#~!$<>&@") && !strings.Contains(text, "://") &&
		!strings.Contains(text, "www.") {
		return text
	}
	return markdownMarks.Replace(text)
}
