package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/tools/names"
)

const (
	noteSchema = `{"type":"object","additionalProperties":false,"required":["text"],"properties":{` +
		`"text":{"type":"string","minLength":1,"maxLength":2000,"description":"One or a few sentences."}}}`
	writeSchema = `{"type":"object","additionalProperties":false,"required":["name","content"],"properties":{` +
		`"name":{"type":"string","minLength":1,"maxLength":200,"description":"The name of the file, such as report.md."},` +
		`"content":{"type":"string","description":"All of its text."},` +
		`"mediaType":{"type":"string","maxLength":100,` +
		`"description":"Such as text/markdown. Left out, it follows from the name and the content."}}}`
	readSchema = `{"type":"object","additionalProperties":false,"required":["artifact"],"properties":{` +
		`"artifact":{"type":"string","description":"The id of the file (art_…), or its name."},` +
		`"offset":{"type":"integer","minimum":0,"description":"The byte to begin with. Left out, it is the first."}}}`
)

// newNote makes run.note.
func newNote() *builtIn {
	return newBuiltIn(Tool{
		Name:        names.RunNote,
		Title:       "Note",
		Description: "Puts a note on the record of this piece of work, for the people who look at it later.",
		Schema:      json.RawMessage(noteSchema),
		ReadOnly:    true, // a note that is there twice does no harm
	}, func(_ context.Context, use Use) (Result, error) {
		var wanted struct{ Text string }
		if err := json.Unmarshal(use.Arguments, &wanted); err != nil {
			return Result{}, &ArgumentError{err.Error()}
		}
		if use.Note == nil {
			return Result{IsError: true, Text: "Nobody keeps notes here."}, nil
		}
		use.Note(wanted.Text)
		return Result{Text: "Noted."}, nil
	})
}

// newArtifactWrite makes artifact.write.
func newArtifactWrite() *builtIn {
	return newBuiltIn(Tool{
		Name:        names.ArtifactWrite,
		Title:       "Write a file",
		Description: "Keeps a text as a file of this piece of work. Whoever gets the answer gets the file as well.",
		Schema:      json.RawMessage(writeSchema),
	}, func(ctx context.Context, use Use) (Result, error) {
		var wanted struct{ Name, Content, MediaType string }
		if err := json.Unmarshal(use.Arguments, &wanted); err != nil {
			return Result{}, &ArgumentError{err.Error()}
		}
		if use.Files == nil {
			return Result{IsError: true, Text: "Nobody keeps files here."}, nil
		}
		kept, err := use.Files.Save(ctx, wanted.Name, wanted.MediaType, strings.NewReader(wanted.Content))
		switch {
		case err == nil:
			return Result{
				Text:      fmt.Sprintf("Kept as the artifact %s (%s, %d bytes).", kept.ID, kept.Name, kept.Bytes),
				Artifacts: []agents.Artifact{kept},
			}, nil
		case ctx.Err() != nil:
			return Result{}, ctx.Err()
		}
		return Result{}, fmt.Errorf("keep a file of %s: %w", use.RunID, err)
	})
}

// newArtifactRead makes artifact.read.
func newArtifactRead() *builtIn {
	return newBuiltIn(Tool{
		Name:        names.ArtifactRead,
		Title:       "Read a file",
		Description: "Returns the text of a file of this piece of work: one that came with it, or that was made in it.",
		Schema:      json.RawMessage(readSchema),
		ReadOnly:    true,
	}, readArtifact)
}

func readArtifact(ctx context.Context, use Use) (Result, error) {
	var wanted struct {
		Artifact string
		Offset   int64
	}
	if err := json.Unmarshal(use.Arguments, &wanted); err != nil {
		return Result{}, &ArgumentError{err.Error()}
	}
	i := slices.IndexFunc(use.Artifacts, func(a agents.Artifact) bool { return a.ID == wanted.Artifact })
	if i < 0 { // the last one of a name is the newest
		for j, a := range use.Artifacts {
			if a.Name == wanted.Artifact {
				i = j
			}
		}
	}
	if i < 0 || use.Files == nil {
		return Result{}, &ArgumentError{fmt.Sprintf("there is no file %q here; there are %s",
			problem.Shorten(wanted.Artifact), listOf(use.Artifacts))}
	}
	file := use.Artifacts[i]
	content, _, err := use.Files.Open(ctx, file.ID)
	if err != nil {
		return Result{}, fmt.Errorf("read the artifact %s: %w", file.ID, err)
	}
	defer content.Close()
	if _, err := io.CopyN(io.Discard, content, wanted.Offset); err != nil {
		return Result{}, &ArgumentError{fmt.Sprintf("offset is behind the end: %s has %d bytes", file.Name, file.Bytes)}
	}
	text, err := io.ReadAll(io.LimitReader(content, maxText))
	if err != nil {
		return Result{}, fmt.Errorf("read the artifact %s: %w", file.ID, err)
	}
	end := wanted.Offset + int64(len(text))
	if end < file.Bytes { // a character that is cut comes with the next part
		text = withoutCutCharacter(text)
		end = wanted.Offset + int64(len(text))
	}
	if !utf8.Valid(text) {
		return Result{IsError: true, Text: fmt.Sprintf("%s is %s, which is no text.", file.Name, file.MediaType)}, nil
	}
	if end < file.Bytes {
		text = fmt.Appendf(text,
			"\n[these are the bytes %d to %d of %d; go on with offset %d]", wanted.Offset, end, file.Bytes, end)
	}
	return Result{Text: string(text)}, nil
}

func withoutCutCharacter(text []byte) []byte {
	for i := len(text) - 1; i >= max(0, len(text)-utf8.UTFMax); i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				return text[:i]
			}
			break
		}
	}
	return text
}

func listOf(files []agents.Artifact) string {
	if len(files) == 0 {
		return "none"
	}
	var list []string
	for _, f := range files[:min(len(files), 20)] {
		list = append(list, fmt.Sprintf("%s (%s)", f.ID, f.Name))
	}
	return strings.Join(list, ", ")
}
