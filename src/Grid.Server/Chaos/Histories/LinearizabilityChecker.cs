namespace Grid.Server.Chaos.Histories;

/// <summary>Checks histories for linearizability, key by key: a history is linearizable if and only if each object's part of it is.</summary>
internal static class LinearizabilityChecker
{
    /// <summary>Checks all keys; the answer has one element for each of them.</summary>
    /// <param name="history">The operations, in any order, and their clock.</param>
    /// <param name="options">Bounds.</param>
    public static IReadOnlyList<KeyVerdict> Check(History history, LinearizabilityOptions? options = null)
    {
        options ??= new LinearizabilityOptions();
        ILookup<string, HistoryOperation> clears = history.Operations.Where(operation => operation.Action == HistoryAction.Clear).ToLookup(clear => clear.Keyspace);
        return [.. history.Operations
            .Where(operation => operation.Action != HistoryAction.Clear)
            .GroupBy(operation => (operation.Keyspace, operation.Key))
            .Select(key => CheckKey([.. key, .. clears[key.Key.Keyspace]], history.OriginUnixMs, options))];
    }

    /// <summary>Checks the operations of one key.</summary>
    private static KeyVerdict CheckKey(List<HistoryOperation> operations, long originUnixMs, LinearizabilityOptions options)
    {
        (string keyspace, string key) = (operations[0].Keyspace, operations[0].Key);
        operations.Sort((a, b) => a.CallUs.CompareTo(b.CallUs));
        KeySearch search = new(operations, originUnixMs, options);
        LinearizabilityVerdict verdict = search.Run();
        if (verdict == LinearizabilityVerdict.Violated)
        {
            // Once more without looking ahead: it then ends where a reader sees why, unless that is too much.
            KeySearch plain = new(operations, originUnixMs, options, foresees: false);
            search = plain.Run() == LinearizabilityVerdict.Violated ? plain : search;
        }

        string excerpt = verdict switch
        {
            LinearizabilityVerdict.Violated => Excerpt.Of(search, keyspace, key),
            LinearizabilityVerdict.GaveUp => $"Key {HistoryText.Quote(keyspace)}/{HistoryText.Quote(key)} with {operations.Count} operations was too much to check.",
            _ => "",
        };
        return new KeyVerdict(keyspace, key, operations.Count, verdict, excerpt);
    }
}
