package report

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// WritePage puts text between the markers of a name in the page at path, <!-- bench:begin --> and <!-- bench:end -->. A page
// that is not there yet begins with introduction; one without markers gets them at its end.
func WritePage(path, name, introduction, text string) error {
	page, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		page, err = []byte(introduction), nil
	}
	if err != nil {
		return fmt.Errorf("read the page of results: %w", err)
	}
	spliced, err := splice(string(page), name, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(spliced), 0o644); err != nil {
		return fmt.Errorf("write the page of results: %w", err)
	}
	return nil
}

func splice(page, name, text string) (string, error) {
	begin, end := "<!-- "+name+":begin -->", "<!-- "+name+":end -->"
	block := begin + "\n" + strings.TrimSpace(text) + "\n" + end
	switch strings.Count(page, begin) + strings.Count(page, end) {
	case 0:
		return strings.TrimRight(page, "\n") + "\n\n" + block + "\n", nil
	case 2:
		before, rest, _ := strings.Cut(page, begin)
		if _, after, ok := strings.Cut(rest, end); ok {
			return before + block + after, nil
		}
	}
	return "", fmt.Errorf("the results go between one %s and one %s behind it: put them right", begin, end)
}
