using Grid.Formats.Buffers;
using Grid.Formats.Links;

namespace Grid.Tests.Replication.Rigs;

/// <summary>What becomes of an item on its way.</summary>
internal enum Fate
{
    /// <summary>It vanishes without notice.</summary>
    Lost,

    /// <summary>It comes twice.</summary>
    Repeated,

    /// <summary>It stays on its way until the replica has been told of another sync.</summary>
    Late,

    /// <summary>One bit of it is another one.</summary>
    Flipped,

    /// <summary>Only its first half comes.</summary>
    Cut,

    /// <summary>Its body is damaged, and its checksum is right: whatever is in the body has to notice.</summary>
    Spoilt,

    /// <summary>Only the first half of its body comes, under a checksum that is right.</summary>
    Short,

    /// <summary>The envelope that its body begins with is of another version, under a checksum that is right.</summary>
    Foreign,

    /// <summary>Its head is of another version, under a checksum that is right.</summary>
    Newer,
}

/// <summary>One stream from the primary to a silo: in order, one item after the other.</summary>
internal sealed class StageWire(Stage stage, StageSilo target, bool isSnapshot)
{
    private readonly Queue<(PooledBuffer Item, long? Attach)> _queue = new();
    private readonly List<(LinkItemKind Kind, Fate Fate, int Left)> _fates = [];
    private readonly Queue<byte[]> _late = new();
    private long _committedShown = -1;
    private bool _isHeld;
    private LinkItemKind? _heldAt;

    private string Name => $"{(isSnapshot ? "snapshot" : "command")} stream to {target.Name}";

    /// <summary>Items that the replica has not taken yet.</summary>
    public int Waiting => _queue.Count;

    /// <summary>Those of them that belong to a snapshot.</summary>
    public int WaitingPieces => _queue.Count(item => item.Attach is null);

    /// <summary>Since when nothing has been taken although something waits; the present while things flow.</summary>
    public long StuckSinceMs { get; private set; }

    /// <summary>An item of the primary's state machine, which wants to know when it was taken.</summary>
    public void Send(PooledBuffer item, long attach) => _queue.Enqueue((item, attach));

    /// <summary>An item of a snapshot.</summary>
    public void SendPiece(PooledBuffer item) => _queue.Enqueue((item, null));

    public void Clear()
    {
        while (_queue.TryDequeue(out (PooledBuffer Item, long? Attach) left))
            left.Item.Release();
        StuckSinceMs = stage.Ms;
    }

    /// <summary>From now on nothing arrives; what is sent waits.</summary>
    public void Hold()
    {
        stage.Act($"the {Name} stands still");
        _isHeld = true;
    }

    /// <summary>Everything arrives that comes before the next item of a kind; that one and what is behind it waits.</summary>
    public void HoldAt(LinkItemKind kind)
    {
        stage.Act($"the {Name} will stand still before the next {kind}");
        _heldAt = kind;
    }

    public void Resume()
    {
        stage.Act($"the {Name} moves again");
        _isHeld = false;
        _heldAt = null;
    }

    /// <summary>What happens to the next items of a kind.</summary>
    public void Next(LinkItemKind kind, Fate fate, int count = 1)
    {
        stage.Act($"the {Name}: the next {(count == 1 ? "" : $"{count} ")}{kind} will be {fate.ToString().ToLowerInvariant()}");
        _fates.Add((kind, fate, count));
    }

    /// <summary>The stream breaks, and its sender is told.</summary>
    public void Break()
    {
        stage.Act($"the {Name} breaks");
        Clear();
        stage.Primary.LinkFailed(target.Name, "the stream broke");
    }

    /// <summary>Delivers one item, if there is one that can be taken.</summary>
    public bool TryDeliver()
    {
        if (_queue.Count == 0)
        {
            StuckSinceMs = stage.Ms;
            return false;
        }

        if (_isHeld || IsHeldAt(_queue.Peek().Item) || !stage.Reaches(stage.PrimaryName, target.Name) || target.Replica is null)
            return false;
        StuckSinceMs = stage.Ms;
        (PooledBuffer item, long? attach) = _queue.Dequeue();
        LinkItem head = LinkItem.Read(item.Span, out ReadOnlySpan<byte> body);
        Fate? fate = FateOf(head.Kind);
        Show(head, body.Length, fate);
        Hand(item, fate);
        item.Release();
        if (attach is { } link)
            stage.Call(() => stage.ItemSent(target.Name, link));
        return true;
    }

    private bool IsHeldAt(PooledBuffer item) => _heldAt is { } kind && LinkItem.Read(item.Span, out _).Kind == kind;

    private void Hand(PooledBuffer item, Fate? fate)
    {
        if (fate == Fate.Lost)
            return;
        byte[] bytes = item.Span.ToArray();
        if (fate == Fate.Late)
        {
            _late.Enqueue(bytes);
            return;
        }

        if (fate == Fate.Flipped)
            bytes[^1] ^= 0x10;
        if (fate == Fate.Cut)
            bytes = bytes[..(bytes.Length / 2)];
        if (fate is Fate.Spoilt or Fate.Short or Fate.Foreign or Fate.Newer)
            bytes = Spoil(item.Span, fate.Value);
        target.OnItem(bytes, isSnapshot);
        if (fate == Fate.Repeated)
            target.OnItem(bytes, isSnapshot);
        if (LinkItem.Read(item.Span, out _).Kind == LinkItemKind.FullSync)
            HandLate();
    }

    private void HandLate()
    {
        while (_late.TryDequeue(out byte[]? bytes))
        {
            LinkItem head = LinkItem.Read(bytes, out ReadOnlySpan<byte> body);
            Show(head, body.Length, Fate.Late);
            target.OnItem(bytes, isSnapshot);
        }
    }

    private static byte[] Spoil(ReadOnlySpan<byte> item, Fate fate)
    {
        PooledBuffer spoilt = PooledBuffer.Rent(item.Length);
        spoilt.Write(item);
        int middle = LinkItem.HeadLength + ((item.Length - LinkItem.HeadLength) / 2);
        if (fate == Fate.Spoilt)
            spoilt.WritableSpan[middle] ^= 0x20;
        if (fate == Fate.Short)
            spoilt.Truncate(middle);
        if (fate == Fate.Foreign)
            spoilt.WritableSpan[LinkItem.HeadLength + 3]++;
        if (fate == Fate.Newer)
            spoilt.WritableSpan[0]++;
        LinkItem.Seal(spoilt);
        byte[] bytes = spoilt.Span.ToArray();
        spoilt.Release();
        return bytes;
    }

    private Fate? FateOf(LinkItemKind kind)
    {
        int at = _fates.FindIndex(fate => fate.Kind == kind);
        if (at < 0)
            return null;
        (_, Fate fate, int left) = _fates[at];
        if (left == 1)
            _fates.RemoveAt(at);
        else
            _fates[at] = (kind, fate, left - 1);
        return fate;
    }

    private static string Offsets(in LinkItem head) => head.C == 1 ? $"mutation {head.B}" : $"mutations {head.B} to {head.B + head.C - 1}";

    private static string Commands(in LinkItem head) => ((LinkTraits)head.C).HasFlag(LinkTraits.PackedCommands) ? "; commands packed" : "; commands plain";

    private void Show(in LinkItem head, int bodyBytes, Fate? fate)
    {
        bool newlyCommitted = !isSnapshot && head.Committed > _committedShown;
        bool isShown = head.Kind switch
        {
            LinkItemKind.Heartbeat => newlyCommitted && stage.Settings.ShowsCommands,
            LinkItemKind.Mutations or LinkItemKind.PackedMutations => stage.Settings.ShowsCommands,
            _ => true,
        };
        if (!isShown && fate is null)
            return;
        string what = head.Kind switch
        {
            LinkItemKind.Continue => $"Continue behind {head.A}{Commands(head)}",
            LinkItemKind.FullSync => $"FullSync with snapshot {head.A} at {head.B}, {(((LinkTraits)head.C).HasFlag(LinkTraits.PackedSnapshot) ? "lz4" : "plaintext")}{(isSnapshot ? "" : Commands(head))}",
            LinkItemKind.Mutations => Offsets(head),
            LinkItemKind.PackedMutations => $"{Offsets(head)}, packed in {bodyBytes} bytes",
            LinkItemKind.SnapshotChunk => $"piece {head.Sequence}, bytes {head.B} to {head.B + bodyBytes - 1}",
            LinkItemKind.SnapshotEnd => $"end of snapshot {head.A} with {head.B} bytes",
            _ => head.Kind.ToString(),
        };
        if (newlyCommitted)
        {
            what += $"; committed {head.Committed}";
            _committedShown = head.Committed;
        }

        if (fate is { } told)
            what += $" ({told.ToString().ToLowerInvariant()})";
        stage.Pass(stage.Primary.Silo, isSnapshot ? "=>" : "->", target.Name, what);
    }
}
