package markdown_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/markdown"
)

// Whatever a stranger writes, a comment calls nobody, leaves no note at another issue, and gives no command.
func TestACommentDoesNothingButStandThere(t *testing.T) {
	for source, want := range map[string]string{
		"@octocat and @acme/team, (@x) .@y /@z -@a ü@b @@c":     "＠octocat and ＠acme/team, (＠x) .＠y /＠z -＠a ü＠b ＠＠c",
		"mail ops@example.com":                                  "mail [ops@example.com](mailto:ops@example.com)",
		"**a**@octocat and a<b></b>@octocat":                    "**a**＠octocat and a@octocat",
		"`@octocat` is code":                                    "`@octocat` is code",
		"Fixes #12, GH-7 and acme/app#3":                        "Fixes ＃12, GH‑7 and acme/app＃3",
		`Fixes \#12 &#35;12 #<b></b>12 and #**12**`:             `Fixes ＃12 ＃12 ＃12 and \#**12**`,
		"C# and #tag, Hello! R & D":                             `C\# and \#tag, Hello! R & D`,
		"/lgtm\n/approve\n  /hold":                              "\\/lgtm\n\\/approve\n\\/hold",
		"`a\n/lgtm\nb`":                                         "`a /lgtm b`",
		"```\n/lgtm\n/var/log\n```":                             "```\n /lgtm\n/var/log\n```",
		"<b>/lgtm</b>\n\n<div>\n/lgtm\n</div>":                  "\\/lgtm\n\n\\/lgtm",
		"[#12](https://example.com/a#12)":                       "[＃12](https://example.com/a#12)",
		"| a |\n|---|\n| @octocat #1 |":                         "| a |\n|---|\n| ＠octocat ＃1 |",
		"An ![p](https://evil.example/p.gif)":                   "An [p](https://evil.example/p.gif)",
		"[x](javascript:alert(1)) <img src=x onerror=alert(1)>": "x ",
	} {
		require.Equal(t, want, write(markdown.GitHub, source), source)
	}
	for source, want := range map[string]string{
		"#12 !12 &12 GL-12 Great! A & B": "＃12 ！12 ＆12 GL‑12 Great! A & B",
		"!<b></b>12 and &<i></i>12":      "！12 and ＆12",
		"/close\n\ntext\n/merge":         "\\/close\n\ntext\n\\/merge",
		"@all":                           "＠all",
	} {
		require.Equal(t, want, write(markdown.GitLab, source), source)
	}
	require.Equal(t, `\/close ＠all ＃1`, markdown.GitLab.Text("/close @all #1"))
}
