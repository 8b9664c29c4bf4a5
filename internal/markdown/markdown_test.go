package markdown_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"beckon/internal/markdown"
)

var dialects = map[string]*markdown.Dialect{"slack": markdown.Slack, "discord": markdown.Discord, "telegram": markdown.Telegram, "chat": markdown.GoogleChat,
	"github": markdown.GitHub, "card": markdown.Card, "plain": markdown.Plain}

func write(d *markdown.Dialect, source string) string {
	written, _ := d.Fit(source, 100_000, "")
	return written
}

func TestWhatADialectMakesOfMarkdown(t *testing.T) {
	for source, want := range map[string]map[string]string{
		"# What *happened*\n\nThe **disk** is ~~nearly~~ full & `df -h` says so.": {
			"slack":    "*What _happened_*\n\nThe *disk* is ~nearly~ full &amp; `df -h` says so.",
			"discord":  "**What *happened***\n\nThe **disk** is ~~nearly~~ full & `df -h` says so.",
			"telegram": "<b>What <i>happened</i></b>\n\nThe <b>disk</b> is <s>nearly</s> full &amp; <code>df -h</code> says so.",
			"chat":     "*What _happened_*\n\nThe *disk* is ~nearly~ full & `df -h` says so.",
			"github":   "### What *happened*\n\nThe **disk** is ~~nearly~~ full & `df -h` says so.",
			"card":     "What _happened_\n\nThe **disk** is nearly full & df -h says so.",
			"plain":    "What happened\n\nThe disk is nearly full & df -h says so.",
		},
		"1. one\n2. two\n   - deep\n\n> said\n> twice": {
			"slack": "1. one\n2. two\n  • deep\n\n> said\n> twice",
			"plain": "1. one\n2. two\n  • deep\n\n> said\n> twice",
		},
		"See [the docs](https://docs.example.com/a?b=1&c=2) and https://example.com/x": {
			"slack":    "See <https://docs.example.com/a?b=1&amp;c=2|the docs> and <https://example.com/x>",
			"discord":  "See [the docs](https://docs.example.com/a?b=1&c=2) and <https://example.com/x>",
			"telegram": `See <a href="https://docs.example.com/a?b=1&amp;c=2">the docs</a> and <a href="https://example.com/x">https://example.com/x</a>`,
			"chat":     "See <https://docs.example.com/a?b=1&c=2|the docs> and https://example.com/x",
			"plain":    "See the docs (https://docs.example.com/a?b=1&c=2) and https://example.com/x",
		},
		"| Host | Load |\n|---|---|\n| a | **1** |\n| bb | 2 |": {
			"slack":  "```\nHost  Load\n----  ----\na     1\nbb    2\n```",
			"github": "| Host | Load |\n|---|---|\n| a | **1** |\n| bb | 2 |",
		},
		"```go\nx < y @all": {
			"slack":   "```\nx &lt; y @all\n```",
			"discord": "```\nx < y @all\n```",
			"plain":   "x < y ＠all",
		},
		"a<br>b <sub>c</sub> List<String>": {
			"slack": "a\nb c List&lt;String&gt;",
			"plain": "a\nb c List<String>",
		},
		"- [x] done\n- [ ] open": {"slack": "• ☑ done\n• ☐ open"},
	} {
		for name, want := range want {
			require.Equal(t, want, write(dialects[name], source), "%s of %q", name, source)
		}
	}
}

func TestNobodyIsMentioned(t *testing.T) {
	for _, source := range []string{"@channel", "Hi @here!", "<!here>", "<!channel>", "x <!subteam^S1|team> y", "<@U024BE7LH>", "@everyone", "\\@everyone", "@ever\u200byone",
		"&lt;!here&gt;", "&#64;here", "@<b></b>channel", "<users/all>", "hello <users/all>", "<@&123>", "(@all)", "@@all", "@CHANNEL", "**@here**", "- @here", "# @channel",
		"[@here](https://example.com)", "![@channel](https://x.example)", "| @here |\n|---|\n| @all |", "> @here", "<div>@here</div>", "<div><!here></div>", "@ada please"} {
		for name, d := range dialects {
			written := write(d, source)
			if strings.Contains(written, "```") || strings.Contains(written, "<pre>") || name == "card" { // nothing in code or in a card calls somebody
				continue
			}
			pings := []string{"@everyone", "@here", "@channel", "@all", "@CHANNEL", "@ada"}
			switch name {
			case "slack":
				pings = append(pings, "<!", "<@")
			case "chat":
				pings = append(pings, "<users")
			case "telegram":
				pings = append(pings, "<!", "<@", "<users")
			}
			for _, ping := range pings {
				require.NotContains(t, written, ping, "%s of %q", name, source)
			}
		}
	}
	require.Contains(t, write(markdown.Slack, "Ask ops@here.com, `@Override`"), "`@Override`")
	require.Contains(t, write(markdown.Slack, "Ask ops@here.com, `@Override`"), "ops@here.com")
}

func TestALinkShowsWhereItLeads(t *testing.T) {
	for source, want := range map[string]string{
		"[x](javascript:alert(1))":                    "x",
		"[x](JaVaScRiPt:alert(1))":                    "x",
		"[x](java&Tab;script:alert(1))":               "x",
		"[x](java\u200bscript:alert(1))":              "x",
		"[x](data:text/html;base64,PHNjcmlwdD4=)":     "x",
		"[x](//evil.example)":                         "x",
		"[x](/admin)":                                 "x",
		"[bank.example](https://evil.example)":        "<https://evil.example|bank.example> (evil.example)",
		"[https://bank.example/login](https://e.com)": "<https://e.com|https://bank.example/login> (e.com)",
		"[bank。example](https://evil.example)":        "<https://evil.example|bank。example> (evil.example)",
		"[example.com](https://docs.example.com/a)":   "<https://docs.example.com/a|example.com>",
		"[example.com](https://www.example.com)":      "<https://www.example.com|example.com>",
		"[v1.2.3](https://docs.example.com)":          "<https://docs.example.com|v1.2.3>",
		"https://bank.example@evil.example/":          "<https://evil.example/|https://bank.example@evil.example/> (evil.example)",
		"[a|b>c](https://e.com/x|y>z?q=<!here>)":      "<https://e.com/x%7Cy%3Ez?q=%3C!here%3E|a|b&gt;c>",
		"![](https://evil.example/pixel.gif)":         "<https://evil.example/pixel.gif|image>",
		"![chart](https://c.example/1.png)":           "<https://c.example/1.png|chart>",
		"![x](data:image/png;base64,AAAA)":            "x",
		"<img src=\"https://evil.example/p.gif\">hi":  "hi",
		"<a href=\"javascript:alert(1)\">hi</a>":      "hi",
		"[mail](mailto:ops@example.com)":              "<mailto:ops@example.com|mail>",
		"[раураl.com](https://e.com)":                 "<https://e.com|раураl.com> (e.com)",
		"[x](https://раураl.com)":                     "<https://%D1%80%D0%B0%D1%83%D1%80%D0%B0l.com|x>",
	} {
		require.Equal(t, want, write(markdown.Slack, source), source)
	}
}

func TestWhatNobodySeesIsTakenOut(t *testing.T) {
	require.Equal(t, "abcדef\tg\n", markdown.Clean("a\u200bb\u202ecד\u2066e\ufefff\tg\n\x00\x1b\u00ad\U000E0041"))
	require.Equal(t, "👩‍💻 🏳️‍🌈", markdown.Clean("👩‍💻 🏳️‍🌈"), "the parts of an emoji stay together")
	for name, d := range dialects {
		written := write(d, "שלום\u202e &#8238; `a\u200bb` [x\u2060](https://example.com/\u200b)\n\n```\n\u202ex\n```")
		require.False(t, strings.ContainsAny(written, "\u200b\u202e\u2060"), "%s: %q", name, written)
		require.Contains(t, written, "שלום")
	}
}

func TestLongTextsAreCutAtAParagraph(t *testing.T) {
	long := strings.Repeat("A paragraph of <some> *words* that goes on & on.\n\n", 4000) // 200 kB
	oneParagraph := strings.Repeat("words & ", 25_000)
	code := "```\n" + strings.Repeat("a line < of code\n", 12_000)
	list := strings.Repeat("- an item 🙂\n", 15_000)
	for _, source := range []string{long, oneParagraph, code, list, strings.Repeat("x", 200_000), strings.Repeat("🙂", 50_000)} {
		for name, d := range dialects {
			begun := time.Now()
			written, cut := d.Fit(source, 3000, "MORE")
			require.True(t, cut)
			require.LessOrEqual(t, d.Measure(written), 3000, name)
			require.Greater(t, d.Measure(written), 1000, name)
			require.True(t, strings.HasSuffix(written, "\n\nMORE"), name)
			require.Equal(t, 0, strings.Count(written, "```")%2, "no fence is left open")
			require.Equal(t, strings.Count(written, "<pre>"), strings.Count(written, "</pre>"))
			require.NotContains(t, written, "\uFFFD")
			require.Less(t, time.Since(begun), 5*time.Second)
		}
	}
	written, cut := markdown.Slack.Fit("short", 100, "MORE")
	require.Equal(t, "short", written)
	require.False(t, cut)
	exact := strings.Repeat("y", 100)
	written, cut = markdown.Plain.Fit(exact, 100, "MORE")
	require.False(t, cut)
	require.Len(t, written, 100)
	require.Equal(t, 2, len(utf16.Encode([]rune("🙂"))))
}

func TestHostileMarkdownTakesNoTime(t *testing.T) {
	for _, piece := range []string{">", "- ", "[", "*a **a ", "`", "![", "<", "1. ", "| a |\n|---|\n", "  - x\n", "<div>", "~~", "(", "a](", "> - ", "> | a |\n> |---|\n> | > |\n", "- | a |\n  |---|\n  | - |\n"} {
		source := strings.Repeat(piece, 200_000/len(piece))
		for name, d := range dialects {
			begun := time.Now()
			d.Fit(source, 3000, "MORE")
			require.Less(t, time.Since(begun), 10*time.Second, "%s of %q", name, piece)
		}
	}
}

func TestHTMLOfMailsHidesNoURL(t *testing.T) {
	for source, want := range map[string]string{
		"[bank.example](https://evil.example)":                         "(evil.example)",
		`hi <a href="https://evil.example">bank.example</a> there`:     "<p>hi bank.example there</p>",
		"<div><a href=\"https://evil.example\">bank.example</a></div>": "bank.example",
		"a<br>b H<sub>2</sub>O":                                        "a<br>b H<sub>2</sub>O",
		"![](https://evil.example/p.gif)":                              "https://evil.example/p.gif</a>",
		"[x](javascript:alert(1))":                                     "<p>x</p>",
	} {
		written := string(markdown.Read(source, 1<<20).HTML())
		require.Contains(t, written, want)
		require.NotContains(t, written, "<img")
		if strings.Contains(source, "<a ") {
			require.NotContains(t, written, "evil.example")
		}
	}
}
