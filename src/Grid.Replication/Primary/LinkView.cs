namespace Grid.Replication.Primary;

/// <summary>What a primary can tell of one link.</summary>
/// <param name="Silo">The replica's silo.</param>
/// <param name="Phase">Where the link is.</param>
/// <param name="DualChannel">True when its snapshot travels, or travelled, on a stream of its own.</param>
/// <param name="Packed">True when its mutations travel in a VCS frame.</param>
/// <param name="RawBytes">Bytes of mutations that went into that frame.</param>
/// <param name="WireBytes">Bytes of that frame.</param>
/// <param name="BackingOff">True while that frame's blocks are stored untried, because the data proved incompressible.</param>
/// <param name="Acknowledged">What the replica has acknowledged; -1 while it loads.</param>
/// <param name="LagMutations">Mutations of the log that it has not acknowledged; all that the log holds while it loads.</param>
/// <param name="LagBytes">Bytes of them.</param>
/// <param name="PinnedBytes">Bytes of log that wait to be sent.</param>
/// <param name="PinBudgetBytes">How many may.</param>
/// <param name="KeptBytes">Bytes that the replica keeps until its load is done.</param>
/// <param name="CannotKeepUp">True when it has overrun the largest budget.</param>
public readonly record struct LinkView(
    string Silo,
    LinkPhase Phase,
    bool DualChannel,
    bool Packed,
    long RawBytes,
    long WireBytes,
    bool BackingOff,
    long Acknowledged,
    long LagMutations,
    long LagBytes,
    long PinnedBytes,
    long PinBudgetBytes,
    long KeptBytes,
    bool CannotKeepUp);
