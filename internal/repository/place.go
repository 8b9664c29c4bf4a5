// Package repository says where in a repository of GitHub, GitLab or their like something happened, and which
// repositories are meant.
package repository

import "regexp"

// Place is where in a repository an event happened, so that an answer to it finds the same place. What is not known
// is empty.
type Place struct {
	Repository string `json:"repository"` // owner/name, with all groups
	Thing      string `json:"thing"`      // what Number counts: one of the constants, or another word of the sender's
	Number     string `json:"number"`
	Commit     string `json:"commit"` // the full hash
}

// Things that have a number.
const (
	Issue        = "issue"
	PullRequest  = "pull_request"
	MergeRequest = "merge_request"
	Discussion   = "discussion"
)

var (
	name   = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$`)
	dots   = regexp.MustCompile(`(^|/)\.\.?(/|$)`)
	digits = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)
	hash   = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// IsName reports whether a text names a repository, and nothing beside it when it is a part of a URL.
func IsName(text string) bool { return name.MatchString(text) && !dots.MatchString(text) }

// HasNumber reports whether the place is a thing that is known by its number.
func (p Place) HasNumber() bool { return p.Thing != "" && digits.MatchString(p.Number) }

// HasCommit reports whether the place is known by the whole hash of a commit. A shortened one is refused by the hosts.
func (p Place) HasCommit() bool { return hash.MatchString(p.Commit) }
