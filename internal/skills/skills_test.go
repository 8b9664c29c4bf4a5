package skills_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/skills"
)

func write(t *testing.T, folder string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return folder
}

func head(name string) string { return "---\nname: " + name + "\ndescription: What to do\n---\n" }

func TestRead(t *testing.T) {
	l, err := skills.Read(write(t, t.TempDir(), map[string]string{
		"refunds/SKILL.md":         "---\r\nname: refunds\r\ndescription: >\r\n  When somebody wants\r\n  money back\r\nlicense: MIT\r\n---\r\n\r\n# Refunds\r\nSee policy.md.\r\n",
		"refunds/policy.md":        "Within 30 days.",
		"refunds/tables/prices.md": "1 EUR",
		"refunds/logo.png":         "\x89PNG\xff",
		"refunds/.git/config":      "hidden",
		"empty-one/SKILL.md":       "---\nname: empty-one\ndescription: Nothing\n---",
		"README.md":                "none of them",
		".hidden/SKILL.md":         "no head",
	}))
	require.NoError(t, err)
	require.Equal(t, []string{"empty-one", "refunds"}, l.Names())
	s := l.Get("refunds")
	require.Equal(t, "When somebody wants money back", s.Description)
	require.Equal(t, "# Refunds\nSee policy.md.", s.Text())
	require.Equal(t, []string{"policy.md", "tables/prices.md"}, s.Files())
	text, ok := s.File("tables/prices.md")
	require.True(t, ok)
	require.Equal(t, "1 EUR", text)
	for _, path := range []string{"../refunds/policy.md", "/etc/passwd", "SKILL.md", "logo.png", ".git/config", ""} {
		_, ok := s.File(path)
		require.False(t, ok, path)
	}
	require.Nil(t, l.Get("none"))
	require.Nil(t, (*skills.Library)(nil).Get("refunds"))
	require.Empty(t, (*skills.Library)(nil).Names())
}

func TestWhatCannotBeRead(t *testing.T) {
	many := map[string]string{}
	for i := range 101 {
		many[fmt.Sprintf("s%d/SKILL.md", i)] = head(fmt.Sprintf("s%d", i))
	}
	files, large := map[string]string{"a/SKILL.md": head("a")}, map[string]string{}
	for i := range 51 {
		files[fmt.Sprintf("a/%d.md", i)] = ""
	}
	for i := range 66 {
		name := fmt.Sprintf("s%d", i)
		large[name+"/SKILL.md"], large[name+"/more.md"] = head(name), strings.Repeat("x", 256<<10)
	}
	for says, content := range map[string]map[string]string{
		"a/SKILL.md must begin with its name and description":                 {"a/SKILL.md": "# A"},
		"a/SKILL.md must have the name of its folder: name: a":                {"a/SKILL.md": head("b")},
		"a/SKILL.md needs a description":                                      {"a/SKILL.md": "---\nname: a\n---\n"},
		"the description of a/SKILL.md has more than 1024 characters":         {"a/SKILL.md": "---\nname: a\ndescription: " + strings.Repeat("ä", 1025) + "\n---\n"},
		"the head of a/SKILL.md is not YAML with name and description":        {"a/SKILL.md": "---\nname: [\n---\n"},
		"a/SKILL.md is not text in UTF-8":                                     {"a/SKILL.md": "---\nname: a\ndescription: \xff\n---\n"},
		"a has no SKILL.md":                                                   {"a/skill.md": head("a")},
		`"A b" is not the name of a skill: 1 to 64 small letters, digits and`: {"A b/SKILL.md": head("a")},
		"a/big.md is larger than 256 KiB":                                     {"a/SKILL.md": head("a"), "a/big.md": strings.Repeat("x", 256<<10+1)},
		"there are more than 100 skills":                                      many,
		"a has more than 50 files besides SKILL.md":                           files,
		"all skills together have more than 16 MiB":                           large,
	} {
		_, err := skills.Read(write(t, t.TempDir(), content))
		require.ErrorContains(t, err, says)
	}
	_, err := skills.Read(filepath.Join(t.TempDir(), "gone"))
	require.ErrorContains(t, err, "the folder cannot be read: no such file or directory")
}

func TestNothingOutsideTheFolderIsRead(t *testing.T) {
	outside := write(t, t.TempDir(), map[string]string{"secret.md": "secret", "b/SKILL.md": head("b")})
	for link, target := range map[string]string{"a/link.md": "secret.md", "b": "b"} {
		folder := write(t, t.TempDir(), map[string]string{"a/SKILL.md": head("a")})
		require.NoError(t, os.Symlink(filepath.Join(outside, target), filepath.Join(folder, link)))
		_, err := skills.Read(folder)
		require.ErrorContains(t, err, link+" is a symbolic link")
		_, err = skills.Fingerprint(folder)
		require.Error(t, err)
	}
}

func TestTheFingerprintChangesWithTheFiles(t *testing.T) {
	folder := write(t, t.TempDir(), map[string]string{"a/SKILL.md": head("a")})
	seen := map[string]bool{}
	look := func() {
		now, err := skills.Fingerprint(folder)
		require.NoError(t, err)
		require.False(t, seen[now])
		seen[now] = true
		again, err := skills.Fingerprint(folder)
		require.NoError(t, err)
		require.Equal(t, now, again)
	}
	look()
	write(t, folder, map[string]string{"a/more.md": "x"})
	look()
	write(t, folder, map[string]string{"a/more.md": "longer"})
	look()
	require.NoError(t, os.Chtimes(filepath.Join(folder, "a", "more.md"), time.Time{}, time.Unix(1, 0)))
	look()
	require.NoError(t, os.Remove(filepath.Join(folder, "a", "more.md")))
	_, err := skills.Fingerprint(folder)
	require.NoError(t, err)
}
