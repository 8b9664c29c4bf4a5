package main

import (
	"fmt"
	"io"
	"os"

	"beckon/gateway"
	"beckon/internal/magec"
)

// maxImport bounds a file that is imported.
const maxImport = 32 << 20

type importCommand struct {
	Magec importMagecCommand `cmd:"" help:"Convert the data of Magec into a configuration file."`
}

type importMagecCommand struct {
	File   string `arg:"" help:"The data of Magec, such as data/store.json; - is standard input."`
	Output string `help:"Write to this file, which must not exist yet, instead of standard output." placeholder:"FILE" type:"path"`
}

// Run writes the configuration, and on standard error what it has no place for and which variables it needs.
func (i importMagecCommand) Run(std streams) error {
	text, err := i.read(std.in)
	if err != nil {
		return err
	}
	result, err := magec.Convert(text, gateway.ImportOptions())
	if err != nil {
		return fmt.Errorf("%s cannot be imported: %w", i.File, err)
	}
	if i.Output == "" {
		if _, err := io.WriteString(std.out, result.YAML); err != nil {
			return err
		}
	} else if err := writeNew(i.Output, result.YAML); err != nil {
		return err
	}
	printList(std.err, "No counterpart:", result.Missing)
	printList(std.err, "Variables to set:", result.Variables)
	return nil
}

func (i importMagecCommand) read(in io.Reader) ([]byte, error) {
	if i.File != "-" {
		f, err := os.Open(i.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	if err == nil && len(text) > maxImport {
		err = fmt.Errorf("%s is larger than %d MiB", i.File, maxImport>>20)
	}
	return text, err
}

// writeNew writes a file that does not exist: nobody loses a configuration by a wrong name.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

func printList(w io.Writer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(w, title)
	for _, line := range lines {
		fmt.Fprintf(w, "  %s\n", oneLine(line, 400))
	}
}
