import { memoryStore } from "../../gateway/store/memory.ts";
import { StateRead } from "./kit.ts";
import { storeContract } from "./store_contract.ts";

storeContract("memory store", "volatile", () => {
  let store = memoryStore();
  const reopen = () => {
    store.close();
    store = memoryStore();
    const state = new StateRead();
    store.load(state);
    return { store, state };
  };
  return { store, reopen, [Symbol.dispose]: () => store.close() };
});
