package skills

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// Read reads the skills of a folder. The first thing that is wrong with one of them is an error that names its file.
func Read(folder string) (*Library, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("the folder cannot be read: %w", reason(err))
	}
	defer root.Close()
	l, left := &Library{skills: map[string]*Skill{}}, int64(maxBytes)
	err = walk(root, func(skill, file string, _ fs.FileInfo) error {
		s := l.skills[skill]
		if s == nil {
			if s = (&Skill{Name: skill, files: map[string]string{}}); len(l.skills) == maxSkills {
				return fmt.Errorf("there are more than %d skills", maxSkills)
			}
			l.skills[skill] = s
		}
		text, err := readFile(root, path.Join(skill, file))
		if err != nil {
			return err
		}
		switch left -= int64(len(text)); {
		case left < 0:
			return fmt.Errorf("all skills together have more than %d MiB", maxBytes>>20)
		case file == mainFile:
			return s.readHead(text)
		case len(s.files) == maxFiles:
			return fmt.Errorf("%s has more than %d files besides %s", skill, maxFiles, mainFile)
		case utf8.ValidString(text): // an image or the like is nothing that can be loaded
			s.files[file] = text
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range l.Names() {
		if l.skills[name].Description == "" {
			return nil, fmt.Errorf("%s has no %s", name, mainFile)
		}
	}
	return l, nil
}

// Fingerprint says which files a folder has, without reading them: names, sizes and times of change. It is the same
// as long as nothing has changed.
func Fingerprint(folder string) (string, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return "", fmt.Errorf("the folder cannot be read: %w", reason(err))
	}
	defer root.Close()
	sum, count := sha256.New(), 0
	err = walk(root, func(skill, file string, info fs.FileInfo) error {
		if count++; count > maxSkills*(maxFiles+1) {
			return errors.New("there are too many files")
		}
		fmt.Fprintf(sum, "%q %q %d %d\n", skill, file, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// walk visits the files of each skill in order, without those whose names begin with a dot.
func walk(root *os.Root, visit func(skill, file string, info fs.FileInfo) error) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		skill, file, within := strings.Cut(name, "/")
		switch {
		case err != nil:
			return fmt.Errorf("%s cannot be read: %w", name, reason(err))
		case name == ".":
			return nil
		case strings.HasPrefix(entry.Name(), ".") && entry.IsDir():
			return fs.SkipDir
		case strings.HasPrefix(entry.Name(), "."):
			return nil
		case entry.Type()&fs.ModeSymlink != 0:
			return fmt.Errorf("%s is a symbolic link: put the file itself there", name)
		case entry.IsDir() && !within && (len(name) > maxName || !validName.MatchString(name)):
			return fmt.Errorf("%q is not the name of a skill: 1 to %d small letters, digits and hyphens", name, maxName)
		case entry.IsDir(), !within: // a file beside the skills is none of them
			return nil
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is not a file", name)
		}
		info, err := entry.Info()
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", name, reason(err))
		}
		return visit(skill, file, info)
	})
}

func readFile(root *os.Root, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", name, reason(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s cannot be read: %w", name, reason(err))
	case len(data) > maxFileBytes:
		return "", fmt.Errorf("%s is larger than %d KiB", name, maxFileBytes>>10)
	}
	return string(data), nil
}

// readHead reads SKILL.md: its head, and what stands below it.
func (s *Skill) readHead(text string) error {
	file := s.Name + "/" + mainFile
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s is not text in UTF-8", file)
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	rest, ok := strings.CutPrefix(text, "---\n")
	head, body, found := strings.Cut(rest, "\n---\n")
	if !found {
		head, found = strings.CutSuffix(strings.TrimRight(rest, "\n"), "\n---")
	}
	if !ok || !found {
		return fmt.Errorf("%s must begin with its name and description, in YAML between two lines of ---", file)
	}
	var fields struct{ Name, Description string }
	if err := yaml.NewDecoder(bytes.NewReader([]byte(head))).Decode(&fields); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("the head of %s is not YAML with name and description", file)
	}
	s.Description = strings.Join(strings.Fields(fields.Description), " ")
	switch {
	case fields.Name != s.Name:
		return fmt.Errorf("%s must have the name of its folder: name: %s", file, s.Name)
	case s.Description == "":
		return fmt.Errorf("%s needs a description, which says when an agent should load it", file)
	case utf8.RuneCountInString(s.Description) > maxDescription:
		return fmt.Errorf("the description of %s has more than %d characters", file, maxDescription)
	}
	s.text = strings.TrimSpace(body)
	return nil
}

// reason leaves out the path, which the message names already.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
