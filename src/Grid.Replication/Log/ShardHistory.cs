using Grid.Formats.Mutations;

namespace Grid.Replication.Log;

/// <summary>
/// At which offset each epoch of a shard began: what tells whether one copy's position is a prefix of another's log
/// (the leader-epoch cache of Kafka's KIP-101). Kept by every copy, sent with attaches, snapshots and continuations.
/// </summary>
/// <remarks>
/// Bounded: of more than <see cref="EpochsMax"/> epochs the oldest are forgotten, and a position in a forgotten epoch
/// is answered with a full sync. Not thread-safe.
/// </remarks>
public sealed class ShardHistory
{
    /// <summary>How many epochs are remembered.</summary>
    public const int EpochsMax = 128;

    private readonly List<EpochStart> _starts = [];

    /// <summary>An empty history: before the first mutation.</summary>
    public ShardHistory()
    {
    }

    /// <summary>A history that came from elsewhere.</summary>
    /// <exception cref="ArgumentException">Epochs or offsets do not ascend.</exception>
    public ShardHistory(IEnumerable<EpochStart> starts)
    {
        foreach (EpochStart start in starts)
            Begin(start.Epoch, start.FirstOffset);
    }

    /// <summary>The epochs, ascending.</summary>
    public IReadOnlyList<EpochStart> Starts => _starts;

    /// <summary>The newest epoch, 0 before the first.</summary>
    public long LastEpoch => _starts.Count == 0 ? 0 : _starts[^1].Epoch;

    /// <summary>Notes that <paramref name="epoch"/> begins with the mutation at <paramref name="firstOffset"/>.</summary>
    /// <exception cref="ArgumentException">It does not follow what is there.</exception>
    public void Begin(long epoch, long firstOffset)
    {
        if (_starts.Count > 0 && (epoch <= _starts[^1].Epoch || firstOffset <= _starts[^1].FirstOffset))
            throw new ArgumentException($"Epoch {epoch}@{firstOffset} does not follow {_starts[^1]}.");
        _starts.Add(new EpochStart(epoch, firstOffset));
        if (_starts.Count > EpochsMax)
            _starts.RemoveAt(0);
    }

    /// <summary>Notes the epoch of the mutation at <paramref name="offset"/>, if it is a new one.</summary>
    public void Observe(long epoch, long offset)
    {
        if (epoch != LastEpoch)
            Begin(epoch, offset);
    }

    /// <summary>The epoch of the mutation at <paramref name="offset"/>; 0 when it is not known.</summary>
    public long EpochAt(long offset)
    {
        for (int i = _starts.Count - 1; i >= 0; i--)
        {
            if (_starts[i].FirstOffset <= offset)
                return _starts[i].Epoch;
        }

        return 0;
    }

    /// <summary>Forgets the epochs that began behind <paramref name="offset"/>: their mutations were cut away.</summary>
    public void TruncateAfter(long offset)
    {
        while (_starts.Count > 0 && _starts[^1].FirstOffset > offset)
            _starts.RemoveAt(_starts.Count - 1);
    }

    /// <summary>
    /// The last offset up to which two logs are the same: both know its epoch, and it is the same one. 0 when only the
    /// empty log is common, or nothing can be said.
    /// </summary>
    /// <remarks>
    /// An (epoch, offset) names one mutation for ever, and a log that holds it holds everything before it; so the
    /// highest such pair decides.
    /// </remarks>
    public static long CommonEnd(IReadOnlyList<EpochStart> left, long leftEnd, IReadOnlyList<EpochStart> right, long rightEnd)
    {
        int i = left.Count - 1, j = right.Count - 1;
        while (i >= 0 && j >= 0)
        {
            if (left[i].Epoch == right[j].Epoch)
                return left[i].FirstOffset == right[j].FirstOffset ? Math.Min(EndOf(left, i, leftEnd), EndOf(right, j, rightEnd)) : 0;
            if (left[i].Epoch > right[j].Epoch)
                i--;
            else
                j--;
        }

        return 0;
    }

    private static long EndOf(IReadOnlyList<EpochStart> starts, int i, long end) =>
        i + 1 < starts.Count ? Math.Min(starts[i + 1].FirstOffset - 1, end) : end;
}
