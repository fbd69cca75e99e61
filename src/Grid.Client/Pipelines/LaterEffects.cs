using System.IO.Hashing;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>
/// Where in the order each key was last touched by operations that were answered, or will be. An operation that comes before
/// such a one must not be done after it: a read would see its own client's future, a write undo it.
/// </summary>
/// <remarks>Keys are told apart by 64-bit hashes; a collision only refuses one repetition more.</remarks>
internal sealed class LaterEffects
{
    private const long AnyKey = 1;
    private const long AllKeys = 2;

    private readonly Dictionary<ulong, (long Number, int Index)> _last = [];
    private long _numberMax;

    /// <summary>Takes in the operations of <paramref name="batch"/>; batches come in the order of their numbers.</summary>
    public void Add(Batch batch)
    {
        _numberMax = batch.Number;
        OperationReader reader = new(batch.Request.Span, batch.Count);
        for (int i = 0; reader.TryRead(out Operation data); i++)
        {
            if (data.Kind is OperationKind.Clear)
                Note(HashOf(data.Keyspace, AllKeys), batch.Number, i);
            else if (IsOfKey(data.Kind))
                Note(HashOf(data.Keyspace, data.Key), batch.Number, i);
            else
                continue;
            Note(HashOf(data.Keyspace, AnyKey), batch.Number, i);
        }
    }

    /// <summary>True if anything was taken in behind batch <paramref name="number"/>.</summary>
    public bool ReachBeyond(long number) => _numberMax > number;

    /// <summary>True if what <paramref name="data"/> is about is touched behind place <paramref name="index"/> of batch <paramref name="number"/>.</summary>
    public bool Follow(long number, int index, in Operation data)
    {
        if (data.Kind is OperationKind.Clear)
            return IsBehind(HashOf(data.Keyspace, AnyKey), number, index);
        return IsOfKey(data.Kind)
            && (IsBehind(HashOf(data.Keyspace, data.Key), number, index) || IsBehind(HashOf(data.Keyspace, AllKeys), number, index));
    }

    private void Note(ulong hash, long number, int index) => _last[hash] = (number, index);

    private bool IsBehind(ulong hash, long number, int index) =>
        _last.TryGetValue(hash, out (long Number, int Index) last) && last.CompareTo((number, index)) > 0;

    private static bool IsOfKey(OperationKind kind) => kind is not (OperationKind.Clear or OperationKind.Scan or OperationKind.Statistics);

    private static ulong HashOf(ReadOnlySpan<byte> keyspace, ReadOnlySpan<byte> key) =>
        XxHash3.HashToUInt64(key, (long)XxHash3.HashToUInt64(keyspace));

    private static ulong HashOf(ReadOnlySpan<byte> keyspace, long which) => XxHash3.HashToUInt64(keyspace, which);
}
