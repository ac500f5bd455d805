package fallback_test

import (
	"testing"

	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest"
)

func TestEngine(t *testing.T) { enginetest.Run(t, fallback.New(0)) }

func TestEngineOneThread(t *testing.T) { enginetest.Run(t, fallback.New(1)) }
