import { testTranscripts } from "../../harness/transcript.ts";

testTranscripts(new URL("./golden/", import.meta.url));
