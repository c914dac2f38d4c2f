package nvcuvid

import (
	"os"
	"testing"
)

// temporary is a folder for the whole run: a library stays open until the process ends.
var temporary string

func TestMain(m *testing.M) {
	var err error
	if temporary, err = os.MkdirTemp("", "nvcuvid"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(temporary)
	os.Exit(code)
}
