package main

import (
	"os"
	"testing"
)

func TestGeneratedFileIsUpToDate(t *testing.T) {
	var p program
	p.write()
	got, err := os.ReadFile("../keccak_avx512_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != p.String() {
		t.Error("keccak_avx512_amd64.s is not what gen writes: run go generate")
	}
}
