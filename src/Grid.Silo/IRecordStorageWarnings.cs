namespace Grid.Silo;

/// <summary>
/// What the store of the shard records does not guarantee: whoever adds the storage may register one. A store that can
/// lose a write which it acknowledged voids the grid's promise; it is said in the log at start, and in every status.
/// </summary>
public interface IRecordStorageWarnings
{
    /// <summary>What is not guaranteed, a sentence each; empty when there is nothing to say.</summary>
    /// <param name="cancellation">Ends the wait for the store's answer.</param>
    ValueTask<IReadOnlyList<string>> CheckAsync(CancellationToken cancellation);
}
