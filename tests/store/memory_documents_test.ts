import { MemoryDocuments } from "../../gateway/store/memory_documents.ts";
import { documentsContract } from "./documents_contract.ts";

documentsContract("memory documents", () => ({
  documents: new MemoryDocuments(),
  [Symbol.dispose]() {},
}));
