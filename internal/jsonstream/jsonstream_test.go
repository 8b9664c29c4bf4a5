package jsonstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"beckon/internal/jsonstream"
)

// walk returns each value with its path.
func walk(r io.Reader) (list []string, err error) {
	err = jsonstream.Walk(r, func(path []string, v jsonstream.Value) error {
		text, err := io.ReadAll(v)
		list = append(list, fmt.Sprintf("%s %v %s", strings.Join(path, "."), v.IsText, text))
		return err
	})
	return list, err
}

func TestWalk(t *testing.T) {
	const document = ` {"data": [{"b64_json":"aGk=","n":-1.5e3,"ok":true}, {"url":"http:\/\/a\"\\\u00e9\ud83d\ude00\n"}], "none": null, "empty": [{}, [], ""]} `
	want := []string{"data.*.b64_json true aGk=", "data.*.n false -1.5e3", "data.*.ok false true", "data.*.url true http://a\"\\é😀\n", "none false null", "empty.* true "}
	for name, reader := range map[string]io.Reader{"at once": strings.NewReader(document), "byte by byte": iotest.OneByteReader(strings.NewReader(document))} {
		list, err := walk(reader)
		require.NoError(t, err, name)
		require.Equal(t, want, list, name)
	}
	list, err := walk(strings.NewReader("42"))
	require.NoError(t, err)
	require.Equal(t, []string{" false 42"}, list)
}

func TestWalkOfWhatIsNoJSON(t *testing.T) {
	for _, document := range []string{`<html>`, `{"a" 1}`, `{"a":1 "b":2}`, `[1 2]`, `{"a":tru}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, strings.Repeat("[", 1000),
		`{"` + strings.Repeat("n", 2000) + `":1}`, strings.Repeat("1", 1000)} {
		_, err := walk(strings.NewReader(document))
		require.ErrorIs(t, err, jsonstream.ErrSyntax, document[:min(len(document), 20)])
	}
	for _, document := range []string{``, `{`, `{"a`, `{"a"`, `{"a":`, `{"a":"b`, `{"a":"b\`, `{"a":"\u12`, `{"a":1`, `[`, `[1,`} {
		_, err := walk(strings.NewReader(document))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, document)
	}
}

func TestWalkSkipsAndStops(t *testing.T) {
	broken := errors.New("enough")
	seen := 0
	err := jsonstream.Walk(strings.NewReader(`{"a":"`+strings.Repeat("x", 100_000)+`","b":"y","c":1}`), func(path []string, _ jsonstream.Value) error {
		if seen++; path[0] == "b" {
			return broken
		}
		return nil
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, 2, seen)
}

func FuzzWalk(f *testing.F) {
	f.Add(`{"a":["b",1,null,{"c":"\u00e9"}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		if _, err := walk(strings.NewReader(document)); json.Valid([]byte(document)) && !errors.Is(err, jsonstream.ErrSyntax) {
			require.NoError(t, err)
		}
	})
}
