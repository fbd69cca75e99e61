namespace Grid.Server.Chaos.Faults;

/// <summary>What is done to silos.</summary>
internal enum FaultKind
{
    /// <summary>Killed outright, and started again once the others have gone on without it.</summary>
    Kill,

    /// <summary>Killed outright and started again at once.</summary>
    Restart,

    /// <summary>Told to stop, then started again.</summary>
    Stop,

    /// <summary>Frozen for less time than the membership waits.</summary>
    Freeze,

    /// <summary>Frozen until the others have declared it dead, and for some time more.</summary>
    LongFreeze,

    /// <summary>Cut off from the other silos; it still sees the record store and the clients, or not.</summary>
    Isolate,

    /// <summary>The silos are split in two.</summary>
    Split,

    /// <summary>What one silo sends does not reach another one, or any other.</summary>
    OneWay,
}
