package senders

import (
	"cmp"
	"fmt"
	"strings"
)

// Commits lists commits as GitHub, GitLab and Gitea describe them: hash, author, message and files.
func Commits(commits []Object) string {
	var b strings.Builder
	for i, commit := range commits {
		if b.Len() > maxText {
			fmt.Fprintf(&b, "%d more commits\n", len(commits)-i)
			break
		}
		author := cmp.Or(commit.String("author.name", "author.username", "author.login"), "somebody")
		fmt.Fprintf(&b, "%s %s: %s\n", Short(commit.String("id")), author, Clip(indent(commit.String("message")), 1000))
		for _, files := range []struct{ mark, name string }{{"+", "added"}, {"~", "modified"}, {"-", "removed"}} {
			if names := commit.Texts(files.name, ""); len(names) > 0 {
				fmt.Fprintf(&b, "  %s %s\n", files.mark, Joined(names, 20))
			}
		}
	}
	return b.String()
}

// Count writes a number of things.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
